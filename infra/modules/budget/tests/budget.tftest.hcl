mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name              = "mmpipe-test"
  monthly_limit_usd = 300
  sns_topic_arn     = "arn:aws:sns:eu-central-1:123456789012:topic"
}

run "warns_at_half_four_fifths_whole_and_forecast" {
  assert {
    condition = toset([for n in aws_budgets_budget.monthly.notification : "${n.notification_type} ${n.threshold}"]) == toset([
      "ACTUAL 50", "ACTUAL 80", "ACTUAL 100", "FORECASTED 100",
    ])
    error_message = "Four warnings: 50, 80, 100 per cent and the forecast."
  }

  assert {
    condition     = alltrue([for n in aws_budgets_budget.monthly.notification : contains(n.subscriber_sns_topic_arns, var.sns_topic_arn)])
    error_message = "Each warning goes to the topic."
  }

  assert {
    condition     = aws_budgets_budget.monthly.limit_amount == "300" && aws_budgets_budget.monthly.time_unit == "MONTHLY"
    error_message = "The limit is a month's."
  }
}

run "counts_only_what_is_tagged_where_told" {
  variables {
    cost_tag = { key = "project", value = "mmpipe" }
  }

  assert {
    condition     = anytrue([for filter in aws_budgets_budget.monthly.cost_filter : contains(filter.values, "user:project$mmpipe")])
    error_message = "The tag is written as Budgets wants it: user:key$value."
  }
}

run "a_budget_tells_somebody" {
  command = plan

  variables {
    sns_topic_arn = null
  }

  expect_failures = [aws_budgets_budget.monthly]
}

run "bad_input_is_refused" {
  command = plan

  variables {
    sns_topic_arn     = "alarms"
    cost_tag          = { key = "a$b", value = "mmpipe" }
    name              = "x"
    monthly_limit_usd = 0
    alert_emails      = ["nobody"]
  }

  expect_failures = [
    var.name, var.monthly_limit_usd, var.alert_emails, var.sns_topic_arn, var.cost_tag,
  ]
}
