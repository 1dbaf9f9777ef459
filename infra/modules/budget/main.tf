# Warnings at half, at four fifths and at the whole of a month's limit, and when the forecast passes it.

locals {
  notifications = {
    half      = { type = "ACTUAL", percent = 50 }
    most      = { type = "ACTUAL", percent = 80 }
    all       = { type = "ACTUAL", percent = 100 }
    projected = { type = "FORECASTED", percent = 100 }
  }
}

resource "aws_budgets_budget" "monthly" {
  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_limit_usd)
  limit_unit   = "USD"
  tags         = var.tags

  dynamic "cost_filter" {
    for_each = var.cost_tag == null ? [] : [var.cost_tag]

    content {
      name   = "TagKeyValue"
      values = [format("user:%s$%s", cost_filter.value.key, cost_filter.value.value)]
    }
  }

  dynamic "notification" {
    for_each = local.notifications

    content {
      notification_type          = notification.value.type
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      comparison_operator        = "GREATER_THAN"
      subscriber_email_addresses = var.alert_emails
      subscriber_sns_topic_arns  = var.sns_topic_arn == null ? [] : [var.sns_topic_arn]
    }
  }

  lifecycle {
    precondition {
      condition     = length(var.alert_emails) > 0 || var.sns_topic_arn != null
      error_message = "A budget that tells nobody is no budget: give alert_emails, sns_topic_arn, or both."
    }
  }
}
