# Two private buckets and the key that encrypts them, and with them the queues, logs, topics and secrets around them.
#
# Policies are jsonencode()d rather than data sources, so that `terraform test` with mocks sees their content.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  arn_root  = "arn:${local.partition}:iam::${var.account_id}:root"

  buckets = {
    catalogue = "${var.name}-catalogue-${var.account_id}"
    lake      = "${var.name}-lake-${var.account_id}"
  }

  # Identities use the key only by way of these services: no role can decrypt raw ciphertext with it.
  key_services = ["ec2", "ecr", "lambda", "s3", "scheduler", "secretsmanager", "sns", "sqs", "ssm"]

  key_use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
}

resource "aws_kms_key" "this" {
  description             = "${var.name}: buckets, queues, logs, topics and secrets"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountAdministersKey"
        Effect    = "Allow"
        Principal = { AWS = local.arn_root }
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:Disable*", "kms:Enable*",
          "kms:Get*", "kms:List*", "kms:PutKeyPolicy", "kms:RetireGrant", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
          "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
        ]
        Resource = "*"
      },
      {
        # Delegates to IAM: a role still needs its own permission on this key.
        Sid       = "AccountUsesKeyThroughServices"
        Effect    = "Allow"
        Principal = { AWS = local.arn_root }
        Action    = local.key_use
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = var.account_id
            "kms:ViaService"    = [for service in local.key_services : "${service}.${local.region}.amazonaws.com"]
          }
        }
      },
      {
        # Encrypted disks and functions are used through grants that their service makes.
        Sid       = "ServicesHoldGrants"
        Effect    = "Allow"
        Principal = { AWS = local.arn_root }
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = {
          StringEquals = { "kms:CallerAccount" = var.account_id }
          Bool         = { "kms:GrantIsForAWSResource" = "true" }
        }
      },
      {
        # AWS documents this grant without conditions and does not say whether the request carries its source: where it
        # does, it has to be the catalogue bucket. The queue's own policy admits no other sender either way.
        Sid       = "CatalogueNotifiesEncryptedQueues"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          StringEqualsIfExists = { "aws:SourceAccount" = var.account_id }
          ArnEqualsIfExists    = { "aws:SourceArn" = "arn:${local.partition}:s3:::${local.buckets.catalogue}" }
        }
      },
      {
        Sid       = "AlarmsAndBudgetsNotifyEncryptedTopics"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        Sid       = "LogsAreEncrypted"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = local.key_use
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${var.account_id}:log-group:*"
          }
        }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket        = each.value
  force_destroy = var.force_destroy
  tags          = merge(var.tags, { role = each.key })
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # One data key per bucket and hour instead of one call to KMS per object.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:The first rule does, as the module's test asserts; the check stops reading at the dynamic ones
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "housekeeping"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    transition {
      days          = var.tiering_days
      storage_class = "INTELLIGENT_TIERING"
    }
  }

  dynamic "rule" {
    # A rule that expires current objects cannot also clean up delete markers, so the two are apart.
    for_each = each.key == "catalogue" && var.uploads_expiry_days != null ? [var.uploads_expiry_days] : []

    content {
      id     = "uploads-expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "catalogue" && var.uploads_expiry_days != null ? [] : [true]

    content {
      id     = "delete-markers"
      status = "Enabled"

      filter {}

      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  # Rules about noncurrent versions are refused while there are none.
  depends_on = [aws_s3_bucket_versioning.this]
}

locals {
  bucket_arns = { for key, bucket in local.buckets : key => "arn:${local.partition}:s3:::${bucket}" }

  transport_statements = {
    for key, arn in local.bucket_arns : key => [for statement in [
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [arn, "${arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "DenyOldTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [arn, "${arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ] : statement if var.deny_insecure_transport]
  }

  # A request without encryption headers gets the bucket's default; one that names something else is refused.
  encryption_statements = {
    for key, arn in local.bucket_arns : key => [for statement in [
      {
        Sid       = "DenyOtherCiphers"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${arn}/*"
        Condition = {
          Null            = { "s3:x-amz-server-side-encryption" = "false" }
          StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
        }
      },
      {
        Sid       = "DenyOtherKeys"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${arn}/*"
        Condition = {
          Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
          StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.this.arn }
        }
      },
    ] : statement if var.deny_other_encryption]
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  # A policy and a public access block written at the same moment conflict, so one waits for the other.
  bucket = aws_s3_bucket_public_access_block.this[each.key].bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Unconditional: whatever an identity may do elsewhere, nobody opens the bucket by an ACL.
          Sid       = "DenyPublicAcls"
          Effect    = "Deny"
          Principal = "*"
          Action    = ["s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"]
          Resource  = [local.bucket_arns[each.key], "${local.bucket_arns[each.key]}/*"]
        },
      ],
      local.transport_statements[each.key],
      local.encryption_statements[each.key],
    )
  })
}

resource "aws_s3_bucket_logging" "this" {
  for_each = var.access_log_bucket == null ? {} : local.buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = var.access_log_bucket
  target_prefix = "${each.value}/"
}
