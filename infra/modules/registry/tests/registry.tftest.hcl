mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name        = "mmpipe-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
}

run "repository" {
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag never changes its meaning: rolling back by tag brings back the same bytes."
  }

  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images are scanned when they are pushed."
  }

  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "KMS" && aws_ecr_repository.this.encryption_configuration[0].kms_key == var.kms_key_arn
    error_message = "Images are encrypted with the project's key."
  }

  assert {
    condition     = !aws_ecr_repository.this.force_delete
    error_message = "Unless it is asked for, destroy deletes no images."
  }

  assert {
    condition     = [for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules : rule.selection.countNumber if rule.selection.tagStatus == "any"] == [10]
    error_message = "The latest ten images stay, to roll back to."
  }

  assert {
    condition     = [for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules : rule.rulePriority if rule.selection.tagStatus == "any"] == [max([for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules : rule.rulePriority]...)]
    error_message = "ECR accepts a rule about any image only as the last one."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    name        = "Mmpipe"
    kms_key_arn = "alias/mmpipe"
    keep_images = 1
  }

  expect_failures = [var.name, var.kms_key_arn, var.keep_images]
}
