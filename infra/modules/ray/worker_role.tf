# Workers decode and encode what shops uploaded, which is hostile until checked: their role can add to tables, but
# neither delete a table nor change what is live.

resource "aws_iam_role" "worker" {
  name               = "${var.name}-ray-worker"
  description        = "Ray workers: read uploads and tables, add table files"
  assume_role_policy = local.trust

  tags = local.tags
}

resource "aws_iam_instance_profile" "worker" {
  name = aws_iam_role.worker.name
  role = aws_iam_role.worker.name

  tags = local.tags
}

resource "aws_iam_role_policy" "worker" {
  for_each = {
    data    = local.data_policy
    runtime = local.runtime_policy
    guard   = local.guard_policy
    limits  = local.limits_policy
  }

  name   = each.key
  role   = aws_iam_role.worker.id
  policy = each.value
}

locals {
  limits_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "JoinCluster"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [var.ray_token_secret_arn]
      },
      {
        Sid      = "NothingIsDeleted"
        Effect   = "Deny"
        Action   = ["s3:DeleteObject*"]
        Resource = ["*"]
      },
      {
        # live.json says which version of which table is served; the tags keep that version from being cleaned up.
        Sid      = "NothingIsPublished"
        Effect   = "Deny"
        Action   = ["s3:PutObject"]
        Resource = ["${var.lake_bucket_arn}/*live.json", "${var.lake_bucket_arn}/*/_refs/tags/*"]
      },
      {
        Sid      = "NoInstancesNoRoles"
        Effect   = "Deny"
        Action   = ["ec2:RunInstances", "ec2:TerminateInstances", "iam:*", "sts:AssumeRole"]
        Resource = ["*"]
      },
    ]
  })
}
