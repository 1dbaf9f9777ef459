# What both roles hold. Policies are jsonencode()d rather than data sources, so that tests with mocks see them.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  # Reading uploads and tables, and adding objects to tables; uploads only where the service takes them. Lance changes no object of a table: a commit is a new
  # manifest by conditional PUT.
  data_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ListBuckets"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
          Resource = [var.catalogue_bucket_arn, var.lake_bucket_arn]
        },
        {
          Sid      = "ReadUploads"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = ["${var.catalogue_bucket_arn}/*"]
        },
        {
          Sid      = "ReadAndAddTableFiles"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
          Resource = ["${var.lake_bucket_arn}/*"]
        },
        {
          Sid      = "UseKeyThroughServices"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
          Resource = [var.kms_key_arn]
          Condition = {
            StringEquals = {
              "kms:ViaService" = [for service in ["s3", "secretsmanager"] : "${service}.${local.region}.amazonaws.com"]
            }
          }
        },
      ],
      var.take_uploads ? [
        {
          # Any replica may be the one that a file comes to. The layout of docs/uploads.md and nothing beside it;
          # what is replaced stays as a former version.
          Sid    = "PutUploads"
          Effect = "Allow"
          Action = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource = [
            for section in ["feeds", "products", "media", "events", "reviews"] :
            "${var.catalogue_bucket_arn}/*/${section}/*"
          ]
        },
      ] : [],
      length(var.media_bucket_arns) == 0 ? [] : [
        {
          Sid      = "ReadMediaBuckets"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = [for arn in var.media_bucket_arns : "${arn}/*"]
        },
      ],
    )
  })

  # Logs, metrics, the image, and a shell through Session Manager. AWS's managed policy for the last one would also
  # read every parameter of the account.
  runtime_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.ray.arn}:*"]
        },
        {
          Sid       = "WriteOwnMetrics"
          Effect    = "Allow"
          Action    = ["cloudwatch:PutMetricData"]
          Resource  = ["*"]
          Condition = { StringEquals = { "cloudwatch:namespace" = var.metrics_namespace } }
        },
        {
          Sid    = "SessionManager"
          Effect = "Allow"
          Action = [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
          ]
          Resource = ["*"]
        },
      ],
      var.ecr_repository_arn == null ? [] : [
        {
          Sid      = "PullImage"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = [var.ecr_repository_arn]
        },
        {
          # A login has no resource to name.
          Sid      = "LogInToRegistry"
          Effect   = "Allow"
          Action   = ["ecr:GetAuthorizationToken"]
          Resource = ["*"]
        },
      ],
    )
  })

  # Said as denials, so that no policy attached later opens them.
  guard_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "BucketsStayAsTheyAre"
        Effect = "Deny"
        Action = [
          "s3:CreateBucket", "s3:DeleteBucket*", "s3:PutAccountPublicAccessBlock", "s3:PutBucket*",
          "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
        ]
        Resource = ["*"]
      },
      {
        # Deleting an object hides it; its former versions are what a recovery is made from.
        Sid    = "FormerVersionsStay"
        Effect = "Deny"
        Action = [
          "s3:BypassGovernanceRetention", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
        ]
        Resource = ["*"]
      },
    ]
  })
}
