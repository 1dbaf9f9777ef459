# S3 notification → SQS (with a dead-letter queue) → Lambda, with partial batch responses and a cap on concurrency.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name
  account    = data.aws_caller_identity.current.account_id
  queue_name = "${var.name}-catalogue-events"

  # Lambda's own rule for queues: six times the function's limit, plus the batching window.
  visibility_timeout_seconds = 6 * var.lambda_timeout_seconds + var.batching_window_seconds
}

# No aws_sqs_queue_redrive_allow_policy: the queues of an account may redrive to each other anyway, and creating it never
# returns on the emulator that the checks apply this to.
resource "aws_sqs_queue" "dead" {
  name                              = "${local.queue_name}-dlq"
  message_retention_seconds         = 1209600 # the longest there is; counted from the first arrival
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
  tags                              = var.tags
}

resource "aws_sqs_queue" "events" {
  name                              = local.queue_name
  visibility_timeout_seconds        = local.visibility_timeout_seconds
  message_retention_seconds         = 345600
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
  tags                              = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receive_count
  })

  # Written with the queue rather than as a resource of its own: S3 checks the permission when the notification is
  # made, and so nothing has to wait for a second resource.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "CatalogueBucketSends"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.queue_name}"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.catalogue_bucket_arn }
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })
}

resource "aws_s3_bucket_notification" "catalogue" {
  bucket = var.catalogue_bucket

  # Everything created and removed; which keys mean work is decided in one place, the handler's planning. What a
  # lifecycle rule expires is an event of its own (s3:LifecycleExpiration:*) and left out: tidying the bucket up takes no
  # product out of the shop.
  queue {
    id        = "catalogue-events"
    queue_arn = aws_sqs_queue.events.arn
    events    = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
  }
}

module "function" {
  source = "../function"

  name                 = "${var.name}-catalogue-uploaded"
  description          = "Uploads and deletions in the catalogue bucket become work for the indexer or a Ray job"
  handler              = "handlers.catalogue_uploaded.handler"
  lambda_zip_path      = var.lambda_zip_path
  lambda_architecture  = var.lambda_architecture
  memory_mb            = var.lambda_memory_mb
  timeout_seconds      = var.lambda_timeout_seconds
  reserved_concurrency = var.reserved_concurrency
  kms_key_arn          = var.kms_key_arn
  kms_services         = ["sqs"]
  secret_arns          = [var.indexer_token_secret_arn, var.ray_token_secret_arn]
  subnet_ids           = var.subnet_ids
  security_group_ids   = var.security_group_ids
  log_retention_days   = var.log_retention_days
  tags                 = var.tags

  environment = merge(var.environment, {
    MMPIPE_DISPATCH__INDEXER_URL      = var.indexer_url
    MMPIPE_DISPATCH__QUEUE_URL        = aws_sqs_queue.events.url # where the handler shows what comes back after seconds
    MMPIPE_DISPATCH__JOBS_URL         = var.jobs_url
    MMPIPE_DISPATCH__TOKEN_SECRET     = var.indexer_token_secret_arn
    MMPIPE_DISPATCH__RAY_TOKEN_SECRET = var.ray_token_secret_arn
    # A batch may need one call per lane; both end before Lambda does, so that a slow cluster is a retry, not a crash.
    MMPIPE_DISPATCH__TIMEOUT_SECONDS = tostring(floor((var.lambda_timeout_seconds - 10) / 2))
    MMPIPE_INDEXING__PROFILE         = var.profile
    MMPIPE_STORAGE__REGION           = local.region
    POWERTOOLS_METRICS_NAMESPACE     = var.metrics_namespace
    # Environments of one account share the namespace; this is the only dimension of the handler's metrics.
    POWERTOOLS_SERVICE_NAME = "${var.name}-catalogue-uploaded"
  })

  statements = [
    {
      # Lambda takes messages with this role; ChangeMessageVisibility is for the handler's own code.
      Sid      = "TakeFromOwnQueue"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = [aws_sqs_queue.events.arn]
    },
  ]
}

resource "aws_lambda_event_source_mapping" "events" {
  event_source_arn                   = aws_sqs_queue.events.arn
  function_name                      = module.function.function_arn
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  scaling_config {
    maximum_concurrency = var.max_concurrency
  }
}
