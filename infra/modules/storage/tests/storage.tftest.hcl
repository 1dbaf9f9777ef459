mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name       = "mmpipe-test"
  account_id = "123456789012"
}

# Runs are few, each with many assertions: starting one costs seconds.

run "private_encrypted_versioned_by_default" {
  assert {
    condition     = aws_s3_bucket.this["catalogue"].bucket == "mmpipe-test-catalogue-123456789012" && aws_s3_bucket.this["lake"].bucket == "mmpipe-test-lake-123456789012"
    error_message = "The two buckets carry the account in their names."
  }

  assert {
    condition     = alltrue([for key in ["catalogue", "lake"] : !aws_s3_bucket.this[key].force_destroy])
    error_message = "A bucket with objects is not destroyed unless asked for."
  }

  assert {
    condition = alltrue([for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "Public access is blocked four times over on both buckets."
  }

  assert {
    condition = alltrue([for config in aws_s3_bucket_server_side_encryption_configuration.this : alltrue([for rule in config.rule :
      rule.bucket_key_enabled
      && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
      && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == aws_kms_key.this.arn
    ])]) && length(aws_s3_bucket_server_side_encryption_configuration.this) == 2
    error_message = "Both buckets encrypt with the module's own key and a bucket key."
  }

  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 2
    error_message = "Both buckets keep versions."
  }

  assert {
    condition     = alltrue([for controls in aws_s3_bucket_ownership_controls.this : controls.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "ACLs are off."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key rotates, and its deletion can be called off for a month."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_kms_key.this.policy).Statement :
      can(statement.Condition) || statement.Sid == "AccountAdministersKey"
    ])
    error_message = "Every use of the key is conditional; only its administration is not."
  }

  assert {
    condition = !anytrue([for action in flatten([for statement in jsondecode(aws_kms_key.this.policy).Statement :
      statement.Action if statement.Sid == "AccountAdministersKey"]) :
      contains(["kms:*", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"], action)
    ])
    error_message = "Administering the key does not include using it."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_kms_key.this.policy).Statement :
      try(statement.Condition.StringEquals, statement.Condition.StringEqualsIfExists)["aws:SourceAccount"] == "123456789012"
      if can(statement.Principal.Service) && statement.Sid != "LogsAreEncrypted"
    ])
    error_message = "Services use the key for this account only."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_kms_key.this.policy).Statement :
      try(statement.Condition.ArnEqualsIfExists["aws:SourceArn"] == "arn:aws:s3:::mmpipe-test-catalogue-123456789012", false)
      && try(statement.Principal.Service == "s3.amazonaws.com", false)
    ])
    error_message = "Only the catalogue bucket may notify encrypted queues."
  }

  assert {
    condition = alltrue([for policy in aws_s3_bucket_policy.this :
      [for statement in jsondecode(policy.policy).Statement : statement.Sid]
      == ["DenyPublicAcls", "DenyInsecureTransport", "DenyOldTls", "DenyOtherCiphers", "DenyOtherKeys"]
    ]) && length(aws_s3_bucket_policy.this) == 2
    error_message = "Both policies hold all five refusals."
  }

  assert {
    condition = alltrue([for policy in aws_s3_bucket_policy.this :
      alltrue([for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny"])
    ])
    error_message = "Bucket policies grant nothing: identities do."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Condition == { Bool = { "aws:SecureTransport" = "false" } } if statement.Sid == "DenyInsecureTransport"
    ])
    error_message = "Plain HTTP is refused."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Condition.StringNotEquals["s3:x-amz-server-side-encryption-aws-kms-key-id"] == aws_kms_key.this.arn
      && statement.Condition.Null["s3:x-amz-server-side-encryption-aws-kms-key-id"] == "false"
      if statement.Sid == "DenyOtherKeys"
    ])
    error_message = "A request that names another key is refused; one that names none gets the bucket's."
  }

  assert {
    condition = alltrue([for config in aws_s3_bucket_lifecycle_configuration.this : anytrue([for rule in config.rule :
      try(rule.abort_incomplete_multipart_upload[0].days_after_initiation == 7, false)
      && try(rule.noncurrent_version_expiration[0].noncurrent_days == 30, false)
    ])])
    error_message = "Unfinished uploads and old versions go."
  }

  assert {
    condition = !anytrue(flatten([for config in aws_s3_bucket_lifecycle_configuration.this : [for rule in config.rule :
      try(rule.expiration[0].days > 0, false)
    ]]))
    error_message = "Nothing current expires by default."
  }
}

run "expiry_access_logs_and_emulators_as_told" {
  variables {
    uploads_expiry_days     = 90
    access_log_bucket       = "logs"
    deny_insecure_transport = false
    deny_other_encryption   = false
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.this["catalogue"].policy).Statement : statement.Sid] == ["DenyPublicAcls"]
    error_message = "Only the unconditional refusal is left."
  }

  assert {
    condition = anytrue([for rule in aws_s3_bucket_lifecycle_configuration.this["catalogue"].rule :
      try(rule.expiration[0].days == 90, false)
    ])
    error_message = "Uploads expire after the days given."
  }

  assert {
    condition = !anytrue([for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule :
      try(rule.expiration[0].days > 0, false)
    ])
    error_message = "Tables never expire."
  }

  assert {
    condition     = length(aws_s3_bucket_logging.this) == 2 && aws_s3_bucket_logging.this["lake"].target_bucket == "logs"
    error_message = "Both buckets log to the bucket given."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    access_log_bucket        = "s3://logs"
    name                     = "Not_A_Bucket"
    account_id               = "12345"
    noncurrent_days          = 0
    uploads_expiry_days      = 0.5
    tiering_days             = -1
    kms_deletion_window_days = 3
  }

  expect_failures = [
    var.name, var.account_id, var.noncurrent_days, var.uploads_expiry_days, var.tiering_days,
    var.kms_deletion_window_days, var.access_log_bucket,
  ]
}
