# A handler from the project's zip, in private subnets, with a role of its own.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id

  # Built from names: the role's policy must stand before the function that it is about.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"

  interface_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-function"
  description = "Role of the function ${var.name}; may not read any object"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteOwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
        },
        {
          Sid      = "ReadOwnSecrets"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = var.secret_arns
        },
        {
          Sid      = "UseKeyThroughServices"
          Effect   = "Allow"
          Action   = concat(["kms:Decrypt"], var.keeps_failures ? ["kms:GenerateDataKey"] : [])
          Resource = [var.kms_key_arn]
          Condition = {
            StringEquals = {
              "kms:ViaService" = [
                for service in sort(distinct(concat(["lambda", "secretsmanager"], var.kms_services))) :
                "${service}.${local.region}.amazonaws.com"
              ]
            }
          }
        },
        {
          # These two have no resource to name.
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
          Resource = ["*"]
        },
        {
          # Lambda itself attaches the function to the subnets with this role …
          Sid      = "AttachToSubnets"
          Effect   = "Allow"
          Action   = local.interface_actions
          Resource = ["*"]
        },
        {
          # … and only Lambda: the same calls from the function's code are refused.
          Sid       = "CodeTouchesNoInterfaces"
          Effect    = "Deny"
          Action    = local.interface_actions
          Resource  = ["*"]
          Condition = { ArnEquals = { "lambda:SourceFunctionArn" = [local.function_arn] } }
        },
        {
          # Handlers pass addresses on and never need the bytes, whatever policy is attached to the role later.
          Sid      = "NoObjects"
          Effect   = "Deny"
          Action   = ["s3:*"]
          Resource = ["*"]
        },
      ],
      var.statements,
      [for statement in [
        {
          Sid      = "KeepFailedInvocations"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = [var.dead_letter_arn]
        },
      ] : statement if var.keeps_failures],
    )
  })
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "python3.11"
  handler                        = var.handler
  filename                       = var.lambda_zip_path
  source_code_hash               = filebase64sha256(var.lambda_zip_path)
  architectures                  = [var.lambda_architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }

  # Lambda checks these permissions while it creates the function, and would make a log group without
  # encryption or retention at the first invocation.
  depends_on = [aws_iam_role_policy.this, aws_cloudwatch_log_group.this]
}

# A destination rather than a dead_letter_config: what it keeps says why the invocation failed.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.keeps_failures ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = var.dead_letter_arn
    }
  }
}
