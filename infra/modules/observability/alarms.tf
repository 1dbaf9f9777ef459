# The keys are the anchors of the runbook's sections: they stay.

locals {
  alb = { LoadBalancer = var.alb_arn_suffix }

  # Environments of one account share the namespace; the head publishes each metric with its cluster's name.
  cluster = { Cluster = coalesce(var.cluster_name, var.name) }

  targets = { LoadBalancer = var.alb_arn_suffix, TargetGroup = var.target_group_arn_suffix }

  # metric: name → [namespace, metric, statistic, dimensions]. The alarm watches `expression`, over all of them.
  # missing: what no data means. A queue, function or GPU that is silent is at rest; a silent load balancer is not.
  alarms = {
    queue-age = {
      text       = "Catalogue events wait too long: uploads are not becoming searchable."
      metrics    = { age = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", { QueueName = var.queue_name }] }
      expression = "age"
      comparison = "GreaterThanThreshold"
      threshold  = var.thresholds.queue_age_seconds
      period     = 60
      periods    = 5
      breaching  = 3
      missing    = "notBreaching"
    }
    dlq-depth = {
      text       = "Catalogue events could not be handled and lie in the dead-letter queue."
      metrics    = { depth = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", { QueueName = var.dlq_name }] }
      expression = "depth"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 60
      periods    = 1
      breaching  = 1
      missing    = "notBreaching"
    }
    handler-errors = {
      text = "A handler crashed or ran out of time."
      metrics = {
        for i, name in var.function_names : "errors${i}" => ["AWS/Lambda", "Errors", "Sum", { FunctionName = name }]
      }
      expression = "SUM(METRICS())"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 300
      periods    = 1
      breaching  = 1
      missing    = "notBreaching"
    }
    handler-throttles = {
      text = "Handlers are throttled: the account's or their own concurrency is used up."
      metrics = {
        for i, name in var.function_names : "throttles${i}" => ["AWS/Lambda", "Throttles", "Sum", { FunctionName = name }]
      }
      expression = "SUM(METRICS())"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 300
      periods    = 3
      breaching  = 2
      missing    = "notBreaching"
    }
    job-failures = {
      text = "An indexing run failed or its version was not published."
      metrics = {
        runs = [var.metrics_namespace, local.run_failures_metric, "Sum", {}]
        jobs = [var.metrics_namespace, "JobFailures", "Sum", local.cluster]
      }
      expression = "FILL(runs, 0) + FILL(jobs, 0)"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 300
      periods    = 1
      breaching  = 1
      missing    = "notBreaching"
    }
    search-p95 = {
      text       = "One answer in twenty is slower than promised."
      metrics    = { latency = ["AWS/ApplicationELB", "TargetResponseTime", "p95", local.targets] }
      expression = "latency"
      comparison = "GreaterThanThreshold"
      threshold  = var.thresholds.search_p95_seconds
      period     = 60
      periods    = 5
      breaching  = 3
      missing    = "notBreaching"
    }
    search-5xx = {
      text = "Too many requests end in a server error, the load balancer's own included."
      metrics = {
        answered = ["AWS/ApplicationELB", "RequestCount", "Sum", local.alb]
        failed   = ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", local.alb]
        refused  = ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum", local.alb]
      }
      # Requests that found no target are not among those answered; counts of nothing are not reported at all.
      expression = "100 * (FILL(failed, 0) + FILL(refused, 0)) / IF(FILL(answered, 0) + FILL(refused, 0) > 0, FILL(answered, 0) + FILL(refused, 0), 1)"
      comparison = "GreaterThanThreshold"
      threshold  = var.thresholds.search_5xx_percent
      period     = 60
      periods    = 5
      breaching  = 3
      missing    = "notBreaching"
    }
    unhealthy-hosts = {
      text = "A query node fails its health check, none is healthy, the head's heartbeat is gone, or no health is reported at all."
      metrics = {
        for id, metric in {
          healthy   = ["AWS/ApplicationELB", "HealthyHostCount", "Minimum", local.targets]
          unhealthy = ["AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", local.targets]
          heartbeat = [var.metrics_namespace, var.heartbeat_metric_name, "Minimum", local.cluster]
        } : id => metric if metric[1] != null
      }
      expression = "IF(healthy < 1 OR FILL(unhealthy, 0) > 0${var.heartbeat_metric_name == null ? "" : " OR FILL(heartbeat, 0) < 1"}, 1, 0)"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 60
      periods    = 5
      breaching  = 3
      missing    = "breaching"
    }
    stale-answers = {
      text       = "Searches are answered from what was live minutes ago: the store is away, or a version cannot be loaded."
      metrics    = { age = [var.metrics_namespace, "AnswerAge", "Maximum", local.cluster] }
      expression = "age"
      comparison = "GreaterThanThreshold"
      threshold  = var.thresholds.answer_age_seconds
      period     = 60
      periods    = 5
      breaching  = 3
      missing    = "notBreaching"
    }
    gpu-idle = {
      text       = "A GPU worker is up and does nothing: it costs money and should have been scaled away."
      metrics    = { utilisation = [var.metrics_namespace, var.gpu_metric_name, "Maximum", local.cluster] }
      expression = "utilisation"
      comparison = "LessThanThreshold"
      threshold  = var.thresholds.gpu_idle_percent
      period     = 300
      periods    = var.thresholds.gpu_idle_minutes / 5
      breaching  = var.thresholds.gpu_idle_minutes / 5
      missing    = "notBreaching"
    }
    schedule-failures = {
      text       = "A scheduled maintenance or training could not be started."
      metrics    = { depth = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", { QueueName = var.schedule_dlq_name }] }
      expression = "depth"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      period     = 60
      periods    = 1
      breaching  = 1
      missing    = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.text} What to do: ${var.runbook_url}#${each.key}"
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.breaching
  treat_missing_data  = each.value.missing
  actions_enabled     = true
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = metric_query.key
      return_data = each.value.expression == metric_query.key

      metric {
        namespace   = metric_query.value[0]
        metric_name = metric_query.value[1]
        stat        = metric_query.value[2]
        dimensions  = metric_query.value[3]
        period      = each.value.period
      }
    }
  }

  dynamic "metric_query" {
    # A bare name is the metric itself, returned above.
    for_each = contains(keys(each.value.metrics), each.value.expression) ? [] : [each.value.expression]

    content {
      id          = "watched"
      label       = each.key
      expression  = metric_query.value
      return_data = true
    }
  }
}
