mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name                     = "mmpipe-test"
  catalogue_bucket         = "mmpipe-test-catalogue-123456789012"
  catalogue_bucket_arn     = "arn:aws:s3:::mmpipe-test-catalogue-123456789012"
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  lambda_zip_path          = "./main.tf" # any file will do: nothing is uploaded
  lambda_timeout_seconds   = 90
  indexer_url              = "http://serve.internal:8000"
  jobs_url                 = "http://head.internal:8265"
  indexer_token_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:indexer-AbCdEf"
  ray_token_secret_arn     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ray-AbCdEf"
  subnet_ids               = ["subnet-1", "subnet-2"]
  security_group_ids       = ["sg-1"]
}

run "queue_and_mapping" {
  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds >= 6 * var.lambda_timeout_seconds + var.batching_window_seconds
    error_message = "A message stays hidden for six times the function's limit, or it is handled twice at once."
  }

  assert {
    condition     = aws_sqs_queue.events.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead.kms_master_key_id == var.kms_key_arn
    error_message = "Both queues are encrypted with the project's key."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.events.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 200 }
    error_message = "A message that is given back twenty times goes to the dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds > aws_sqs_queue.events.message_retention_seconds
    error_message = "Retention counts from the first arrival, so the dead-letter queue keeps longer."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.events.policy).Statement == [{
      Sid       = "CatalogueBucketSends"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-central-1:123456789012:mmpipe-test-catalogue-events"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::mmpipe-test-catalogue-123456789012" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }]
    error_message = "The catalogue bucket of this account sends, and nobody else."
  }

  assert {
    condition     = toset(aws_s3_bucket_notification.catalogue.queue[0].events) == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]) && aws_s3_bucket_notification.catalogue.queue[0].queue_arn == aws_sqs_queue.events.arn
    error_message = "Uploads and deletions are reported to the queue; what a lifecycle rule expires is not."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.events.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "One bad message does not bring its whole batch back."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.events.scaling_config[0].maximum_concurrency == var.max_concurrency && var.reserved_concurrency >= var.max_concurrency
    error_message = "The queue causes no more invocations than the function may have."
  }

  assert {
    condition     = tonumber(output.visibility_timeout_seconds) == 541
    error_message = "6 × 90 s and a window of 1 s."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    metrics_namespace        = "AWS/Lambda"
    name                     = "Mmpipe"
    catalogue_bucket_arn     = "mmpipe-test-catalogue"
    kms_key_arn              = "alias/aws/sqs"
    lambda_timeout_seconds   = 5
    indexer_url              = "http://serve.internal:8000/internal/v1/work"
    jobs_url                 = "head.internal:8265"
    indexer_token_secret_arn = "hunter2"
    ray_token_secret_arn     = "hunter3"
    batching_window_seconds  = 301
    max_concurrency          = 1
    max_receive_count        = 15
    profile                  = "../starter"
    environment              = { PATH = "/tmp" }
  }

  expect_failures = [
    var.name, var.catalogue_bucket_arn, var.kms_key_arn, var.lambda_timeout_seconds, var.indexer_url,
    var.jobs_url, var.indexer_token_secret_arn, var.ray_token_secret_arn, var.batching_window_seconds,
    var.max_concurrency, var.max_receive_count, var.profile, var.environment, var.metrics_namespace,
  ]
}

run "contradictions_are_refused" {
  command = plan

  variables {
    catalogue_bucket        = "another-catalogue"
    batch_size              = 100
    batching_window_seconds = 0
    max_concurrency         = 10
    reserved_concurrency    = 5
  }

  expect_failures = [var.catalogue_bucket, var.batch_size, var.reserved_concurrency]
}
