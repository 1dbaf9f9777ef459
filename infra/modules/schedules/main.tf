# EventBridge Scheduler → Lambda → a Ray job. The function submits and does not wait; the job id is derived from the
# scheduled time, so that a repeated delivery starts nothing twice.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id

  schedules = {
    for task, expression in {
      maintain = var.schedule_maintenance
      retrain  = var.schedule_retrain
      settle   = var.schedule_settle
    } : task => expression if expression != null
  }

  options = {
    maintain = {}
    retrain = {
      for option, value in { catalogue = var.retrain_catalogue, recommender = var.retrain_recommender } :
      option => value if try(length(value), 0) > 0
    }
    settle = {}
  }

  descriptions = {
    maintain = "Compaction, index upkeep and clean-up of old versions"
    retrain  = "Training on recent interactions"
    settle   = "Charging clicks on sponsored places that a replica left out"
  }

  # Scheduler fills in the time it was due where it finds <aws.scheduler.scheduled-time>, and does not find it with its
  # brackets as \u003c and \u003e, which is how jsonencode writes them.
  inputs = {
    for task in keys(local.schedules) : task => replace(replace(
      jsonencode(merge({ task = task, time = "<aws.scheduler.scheduled-time>" }, local.options[task])),
    "\\u003c", "<"), "\\u003e", ">")
  }
}

# What Scheduler could not deliver and what the function could not do, after their retries. It has no redrive policy (its
# messages come from services, not from a queue) and no aws_sqs_queue_redrive_allow_policy, see the module ingest.
resource "aws_sqs_queue" "failed" {
  name                              = "${var.name}-schedules-dlq"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
  tags                              = var.tags
}

module "function" {
  source = "../function"

  name                 = "${var.name}-maintenance-due"
  description          = "A due schedule becomes a Ray job: table maintenance, training or settling"
  handler              = "handlers.maintenance_due.handler"
  lambda_zip_path      = var.lambda_zip_path
  lambda_architecture  = var.lambda_architecture
  timeout_seconds      = var.lambda_timeout_seconds
  reserved_concurrency = 1 # tasks are started one after the other
  kms_key_arn          = var.kms_key_arn
  kms_services         = ["sqs"]
  secret_arns          = [var.ray_token_secret_arn]
  keeps_failures       = true
  dead_letter_arn      = aws_sqs_queue.failed.arn
  subnet_ids           = var.subnet_ids
  security_group_ids   = var.security_group_ids
  log_retention_days   = var.log_retention_days
  tags                 = var.tags

  environment = merge(var.environment, {
    MMPIPE_DISPATCH__JOBS_URL         = var.jobs_url
    MMPIPE_DISPATCH__RAY_TOKEN_SECRET = var.ray_token_secret_arn
    MMPIPE_DISPATCH__TIMEOUT_SECONDS  = tostring(var.lambda_timeout_seconds - 10)
    MMPIPE_INDEXING__PROFILE          = var.profile
    MMPIPE_LAKE__URI                  = var.lake_uri
    MMPIPE_STORAGE__REGION            = local.region
    POWERTOOLS_METRICS_NAMESPACE      = var.metrics_namespace
    POWERTOOLS_SERVICE_NAME           = "${var.name}-maintenance-due"
  })
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.name}-scheduler"
  description = "EventBridge Scheduler starts the maintenance function with it"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account
          "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "scheduler"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "StartTheFunction"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [module.function.function_arn]
      },
      {
        Sid      = "KeepWhatCouldNotBeDelivered"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.failed.arn]
      },
      {
        Sid      = "UseKeyThroughServices"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
        Condition = {
          StringEquals = {
            "kms:ViaService" = [for service in ["scheduler", "sqs"] : "${service}.${local.region}.amazonaws.com"]
          }
        }
      },
    ]
  })
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  description                  = local.descriptions[each.key]
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = each.value
  schedule_expression_timezone = var.timezone
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }

  target {
    arn      = module.function.function_arn
    role_arn = aws_iam_role.scheduler.arn
    input    = local.inputs[each.key]

    dead_letter_config {
      arn = aws_sqs_queue.failed.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}
