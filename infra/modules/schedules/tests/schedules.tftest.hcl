mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name                 = "mmpipe-test"
  lambda_zip_path      = "./main.tf" # any file will do: nothing is uploaded
  jobs_url             = "http://head.internal:8265"
  ray_token_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ray-AbCdEf"
  kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  subnet_ids           = ["subnet-1"]
  security_group_ids   = ["sg-1"]
  lake_uri             = "s3://mmpipe-test-lake-123456789012/lake"
}

run "maintenance_by_default" {
  assert {
    condition     = keys(aws_scheduler_schedule.this) == ["maintain"]
    error_message = "Maintenance is on, training is off."
  }

  assert {
    condition     = aws_scheduler_schedule.this["maintain"].target[0].input == "{\"task\":\"maintain\",\"time\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "The handler is told the task and, by Scheduler, when it was due: brackets must not be escaped."
  }

  assert {
    condition     = aws_scheduler_schedule.this["maintain"].target[0].dead_letter_config[0].arn == aws_sqs_queue.failed.arn && aws_scheduler_schedule.this["maintain"].kms_key_arn == var.kms_key_arn
    error_message = "What cannot be delivered is kept; the schedule is encrypted."
  }

  assert {
    condition     = aws_sqs_queue.failed.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.failed.message_retention_seconds == 1209600
    error_message = "Failures are encrypted and kept for two weeks."
  }

  assert {
    condition = jsondecode(aws_iam_role.scheduler.assume_role_policy).Statement[0].Condition.StringEquals == {
      "aws:SourceAccount" = "123456789012"
      "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
    }
    error_message = "Only this group's schedules take the role on."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : [statement.Action, statement.Resource]] == [
      [["lambda:InvokeFunction"], [output.function_arn]],
      [["sqs:SendMessage"], [output.dlq_arn]],
      [["kms:Decrypt", "kms:GenerateDataKey"], [var.kms_key_arn]],
    ]
    error_message = "The scheduler starts one function and keeps failures in one queue."
  }
}

run "training_where_told" {
  command = plan

  variables {
    schedule_maintenance = null
    schedule_retrain     = "rate(7 days)"
    retrain_catalogue    = "s3://mmpipe-test-catalogue-123456789012/shop/feeds/products.jsonl"
  }

  assert {
    condition     = keys(aws_scheduler_schedule.this) == ["retrain"]
    error_message = "A schedule that is null is off."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.this["retrain"].target[0].input).catalogue == var.retrain_catalogue
    error_message = "Training is told what to train on."
  }
}

run "recommenders_alone" {
  command = plan

  variables {
    schedule_maintenance = null
    schedule_retrain     = "rate(1 day)"
    retrain_recommender  = ["shop", "outlet"]
  }

  assert {
    condition     = aws_scheduler_schedule.this["retrain"].target[0].input == "{\"recommender\":[\"shop\",\"outlet\"],\"task\":\"retrain\",\"time\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "Training is told whose recommenders, and no feed where none is given."
  }
}

run "settling_where_places_are_sold" {
  command = plan

  variables {
    schedule_settle = "cron(45 2 * * ? *)"
  }

  assert {
    condition     = keys(aws_scheduler_schedule.this) == ["maintain", "settle"]
    error_message = "Settling is beside maintenance, and off unless told."
  }

  assert {
    condition     = aws_scheduler_schedule.this["settle"].target[0].input == "{\"task\":\"settle\",\"time\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "The handler is told the task and when it was due."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    metrics_namespace      = "AWS/Lambda"
    profile                = "../starter"
    retrain_recommender    = ["../shop"]
    timezone               = "CET+1"
    name                   = "Mmpipe"
    lambda_timeout_seconds = 5
    jobs_url               = "head.internal"
    ray_token_secret_arn   = "hunter2"
    kms_key_arn            = "alias/aws/sqs"
    lake_uri               = "/lake"
    schedule_maintenance   = "15 3 * * *"
    schedule_retrain       = "weekly"
    schedule_settle        = "daily"
    environment            = { PATH = "/tmp" }
  }

  expect_failures = [
    var.name, var.lambda_timeout_seconds, var.jobs_url, var.ray_token_secret_arn, var.kms_key_arn,
    var.lake_uri, var.schedule_maintenance, var.schedule_retrain, var.environment, var.metrics_namespace,
    var.profile, var.timezone, var.retrain_recommender, var.schedule_settle,
  ]
}

run "training_needs_something_to_train_on" {
  command = plan

  variables {
    schedule_retrain = "rate(7 days)"
  }

  expect_failures = [var.retrain_catalogue]
}

run "a_feed_is_an_address" {
  command = plan

  variables {
    schedule_retrain  = "rate(7 days)"
    retrain_catalogue = "/feeds/products.jsonl"
  }

  expect_failures = [var.retrain_catalogue]
}
