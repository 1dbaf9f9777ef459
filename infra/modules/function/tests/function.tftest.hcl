mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name                 = "mmpipe-test-catalogue-uploaded"
  description          = "test"
  handler              = "handlers.catalogue_uploaded.handler"
  lambda_zip_path      = "./main.tf" # any file will do: nothing is uploaded
  lambda_architecture  = "arm64"
  timeout_seconds      = 60
  reserved_concurrency = 5
  environment          = { MMPIPE_INDEXING__PROFILE = "starter" }
  secret_arns          = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:token"]
  kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  subnet_ids           = ["subnet-1"]
  security_group_ids   = ["sg-1"]
  log_retention_days   = 30
}

run "encrypted_traced_capped_private" {
  assert {
    condition     = aws_lambda_function.this.runtime == "python3.11" && aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.source_code_hash == filebase64sha256("./main.tf")
    error_message = "The function runs the zip given, on the processor it was built for, and changes with its content."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "Environment and logs are encrypted with the key given."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/mmpipe-test-catalogue-uploaded" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group is the one Lambda writes to, and forgets."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 5 && aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "Concurrency is set aside, traces are on."
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this) == 0
    error_message = "A function that is invoked synchronously has nowhere to keep failures."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Effect == "Deny" || contains(["AttachToSubnets", "SendTraces"], statement.Sid) if contains(statement.Resource, "*")
    ])
    error_message = "Only calls without a resource to name are allowed on every resource."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Action == ["s3:*"] && statement.Resource == ["*"] && !can(statement.Condition)
    ])
    error_message = "No object of any bucket can be read or written."
  }

  assert {
    condition = !anytrue([for action in flatten([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Action if statement.Effect == "Allow"
    ]) : endswith(action, "*") || contains(["s3", "dynamodb", "glue"], split(":", action)[0])])
    error_message = "Every allowed action is named, and none touches data."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Resource if contains(statement.Action, "secretsmanager:GetSecretValue")
    ] == [["arn:aws:secretsmanager:eu-central-1:123456789012:secret:token"]]
    error_message = "The function reads its own secrets."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Condition.StringEquals["kms:ViaService"] if contains(statement.Action, "kms:Decrypt")
    ] == [["lambda.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"]]
    error_message = "The key is used through services only."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Effect == "Deny" && contains(statement.Action, "ec2:CreateNetworkInterface")
      && statement.Condition.ArnEquals["lambda:SourceFunctionArn"] == ["arn:aws:lambda:eu-central-1:123456789012:function:mmpipe-test-catalogue-uploaded"]
      if can(statement.Condition.ArnEquals)
    ])
    error_message = "Network interfaces are Lambda's business, not the code's."
  }
}

run "failed_invocations_are_kept_where_told" {
  variables {
    keeps_failures  = true
    dead_letter_arn = "arn:aws:sqs:eu-central-1:123456789012:failed"
    kms_services    = ["sqs"]
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination == var.dead_letter_arn
    error_message = "Failed asynchronous invocations go to the queue."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Action == ["sqs:SendMessage"] && statement.Resource == [var.dead_letter_arn]
    ])
    error_message = "The role may send to that queue and no other."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      contains(statement.Action, "kms:GenerateDataKey")
      && contains(statement.Condition.StringEquals["kms:ViaService"], "sqs.eu-central-1.amazonaws.com")
      if can(statement.Condition.StringEquals)
    ])
    error_message = "Sending to an encrypted queue needs a data key."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    description          = ""
    environment          = { MMPIPE_DISPATCH__TOKEN = "hunter2" }
    secret_arns          = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"]
    kms_services         = ["rds"]
    name                 = "no spaces, please"
    handler              = "os.system"
    lambda_architecture  = "mips"
    timeout_seconds      = 901
    memory_mb            = 64
    reserved_concurrency = 0
    kms_key_arn          = "alias/aws/lambda"
    subnet_ids           = []
    security_group_ids   = []
    log_retention_days   = 2
    statements           = [{ Sid = "Everything", Effect = "Allow", Action = ["sqs:*"], Resource = ["*"] }]
  }

  expect_failures = [
    var.name, var.handler, var.lambda_architecture, var.timeout_seconds, var.memory_mb,
    var.reserved_concurrency, var.kms_key_arn, var.subnet_ids, var.security_group_ids, var.log_retention_days,
    var.statements, var.description, var.environment, var.secret_arns, var.kms_services,
  ]
}

run "failures_are_kept_somewhere" {
  command = plan

  variables {
    keeps_failures = true
  }

  expect_failures = [var.dead_letter_arn]
}

run "a_zip_is_built_first" {
  command = plan

  variables {
    lambda_zip_path = "./no-such.zip"
  }

  expect_failures = [var.lambda_zip_path]
}
