# Runs that failed, counted from the JSON lines that handlers and jobs log. Jobs that Ray itself calls failed are told by the
# head. A filter's metric can have no fixed dimension, so the environment is part of its name.

locals {
  run_failures_metric = "${var.name}-run-failures"

  failure_patterns = {
    handler = {
      log_group = var.handler_log_group_name
      pattern   = "{ $.message = \"work failed\" }"
    }
    ray = {
      log_group = var.ray_log_group_name
      pattern   = "{ ($.message = \"attempt failed\") || ($.message = \"an order failed unexpectedly\") || ($.message = \"a version was not published\") }"
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "job_failures" {
  for_each = { for source, filter in local.failure_patterns : source => filter if filter.log_group != null }

  name           = "${var.name}-job-failures-${each.key}"
  log_group_name = each.value.log_group
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = var.metrics_namespace
    name          = local.run_failures_metric
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}
