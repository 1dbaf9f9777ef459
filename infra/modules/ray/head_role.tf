# The head runs the indexer, the batch jobs' committers and the maintenance. Its part as the autoscaler is in
# head_scaling.tf.

resource "aws_iam_role" "head" {
  name               = "${var.name}-ray-head"
  description        = "Ray head: commits, publishes and cleans up tables, launches and ends workers"
  assume_role_policy = local.trust

  tags = local.tags
}

resource "aws_iam_instance_profile" "head" {
  name = aws_iam_role.head.name
  role = aws_iam_role.head.name

  tags = local.tags
}

resource "aws_iam_role_policy" "head" {
  for_each = {
    data    = local.data_policy
    runtime = local.runtime_policy
    guard   = local.guard_policy
    publish = local.publish_policy
    scaling = local.scaling_policy
  }

  name   = each.key
  role   = aws_iam_role.head.id
  policy = each.value
}

locals {
  publish_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "RemoveOldTableFiles"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${var.lake_bucket_arn}/*"]
      },
      {
        Sid    = "ReadSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:GetSecretValue"]
        Resource = [
          var.ray_token_secret_arn, var.indexer_token_secret_arn, var.pseudonym_key_secret_arn, var.api_keys_secret_arn,
        ]
      },
    ]
  })
}
