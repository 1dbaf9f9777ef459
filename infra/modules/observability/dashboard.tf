locals {
  # What the handler calls itself in its metrics (POWERTOOLS_SERVICE_NAME, set by the module ingest).
  uploads = "${var.name}-catalogue-uploaded"

  # title → lines of [namespace, metric, dimension, value, …, { stat }]
  widgets = {
    "Upload to searchable: oldest event (s), waiting events" = [
      ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_name, { stat = "Maximum" }],
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_name, { stat = "Maximum", yAxis = "right" }],
    ]
    "Dead letters: events, schedules" = [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dlq_name, { stat = "Maximum" }],
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.schedule_dlq_name, { stat = "Maximum" }],
    ]
    "Handlers: errors and throttles" = concat(
      [for name in var.function_names : ["AWS/Lambda", "Errors", "FunctionName", name, { stat = "Sum" }]],
      [for name in var.function_names : ["AWS/Lambda", "Throttles", "FunctionName", name, { stat = "Sum" }]],
    )
    "Handlers: time of an invocation (ms, p95)" = [
      for name in var.function_names : ["AWS/Lambda", "Duration", "FunctionName", name, { stat = "p95" }]
    ]
    "Uploads: orders by what became of them" = [
      for outcome in ["Done", "Accepted", "Duplicate", "Failed", "Retry", "Large"] :
      [var.metrics_namespace, "Orders${outcome}", "service", local.uploads, { stat = "Sum" }]
    ]
    "Runs and jobs that failed" = [
      [var.metrics_namespace, local.run_failures_metric, { stat = "Sum" }],
      [var.metrics_namespace, "JobFailures", "Cluster", local.cluster.Cluster, { stat = "Sum" }],
    ]
    "Search: time of an answer (s)" = [
      for stat in ["p50", "p95", "p99"] : [
        "AWS/ApplicationELB", "TargetResponseTime", "TargetGroup", var.target_group_arn_suffix, "LoadBalancer",
        var.alb_arn_suffix, { stat = stat, label = stat },
      ]
    ]
    "Search: requests and server errors" = [
      ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.alb_arn_suffix, { stat = "Sum" }],
      ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", var.alb_arn_suffix, { stat = "Sum", yAxis = "right" }],
      ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", var.alb_arn_suffix, { stat = "Sum", yAxis = "right" }],
    ]
    "Query nodes: healthy and unhealthy" = [
      ["AWS/ApplicationELB", "HealthyHostCount", "TargetGroup", var.target_group_arn_suffix, "LoadBalancer", var.alb_arn_suffix, { stat = "Minimum" }],
      ["AWS/ApplicationELB", "UnHealthyHostCount", "TargetGroup", var.target_group_arn_suffix, "LoadBalancer", var.alb_arn_suffix, { stat = "Maximum" }],
    ]
    "Search: age of what is answered (s)" = [
      [var.metrics_namespace, "AnswerAge", "Cluster", local.cluster.Cluster, { stat = "Maximum" }],
    ]
    "GPU utilisation (%)" = [
      [var.metrics_namespace, var.gpu_metric_name, "Cluster", local.cluster.Cluster, { stat = "Maximum" }],
    ]
  }

  titles = keys(local.widgets)
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm"
        x          = 0
        y          = 0
        width      = 24
        height     = 3
        properties = { title = "Alarms", alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn] }
      }],
      [for i, title in local.titles : {
        type   = "metric"
        x      = 8 * (i % 3)
        y      = 3 + 6 * floor(i / 3)
        width  = 8
        height = 6
        properties = {
          title   = title
          region  = local.region
          view    = "timeSeries"
          stacked = false
          period  = 60
          metrics = local.widgets[title]
        }
      }],
    )
  })
}
