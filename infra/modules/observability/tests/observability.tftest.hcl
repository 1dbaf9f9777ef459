mock_provider "aws" {
  source = "../../testing/aws"
}

variables {
  name                    = "mmpipe-test"
  queue_name              = "events"
  dlq_name                = "events-dlq"
  schedule_dlq_name       = "schedules-dlq"
  function_names          = ["catalogue-uploaded", "maintenance-due"]
  alb_arn_suffix          = "app/mmpipe/0123456789abcdef"
  target_group_arn_suffix = "targetgroup/serve/0123456789abcdef"
  handler_log_group_name  = "/aws/lambda/catalogue-uploaded"
  ray_log_group_name      = "/mmpipe/ray"
  kms_key_arn             = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  alarm_emails            = ["ops@example.com"]
}

run "every_alarm_tells_the_topic_and_names_its_runbook_section" {
  assert {
    condition = keys(output.alarm_names) == [
      "dlq-depth", "gpu-idle", "handler-errors", "handler-throttles", "job-failures", "queue-age", "schedule-failures",
      "search-5xx", "search-p95", "stale-answers", "unhealthy-hosts",
    ]
    error_message = "These keys are anchors of the runbook."
  }

  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && alarm.ok_actions == toset([aws_sns_topic.alarms.arn]) && alarm.actions_enabled
    ])
    error_message = "Each alarm tells the topic when it goes off and when it is over."
  }

  assert {
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : endswith(alarm.alarm_description, "docs/runbook.md#${key}")])
    error_message = "Each alarm names its section of the runbook."
  }

  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      length([for query in alarm.metric_query : query if query.return_data]) == 1
    ])
    error_message = "Each alarm watches exactly one value."
  }

  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.treat_missing_data == (key == "unhealthy-hosts" ? "breaching" : "notBreaching")
    ])
    error_message = "Silence is rest, except for the load balancer's."
  }

  assert {
    condition = toset([for query in aws_cloudwatch_metric_alarm.this["handler-errors"].metric_query :
      query.metric[0].dimensions["FunctionName"] if length(query.metric) == 1
    ]) == toset(var.function_names)
    error_message = "All functions are watched."
  }

  assert {
    condition = {
      for key in ["dlq-depth", "gpu-idle", "queue-age", "schedule-failures", "search-p95"] : key => one([
        for query in aws_cloudwatch_metric_alarm.this[key].metric_query : join(" ", [
          query.metric[0].metric_name, query.metric[0].stat, aws_cloudwatch_metric_alarm.this[key].comparison_operator,
          aws_cloudwatch_metric_alarm.this[key].threshold, join(",", sort(values(query.metric[0].dimensions))),
        ])
      ])
      } == {
      dlq-depth         = "ApproximateNumberOfMessagesVisible Maximum GreaterThanThreshold 0 events-dlq"
      gpu-idle          = "GpuUtilisation Maximum LessThanThreshold 5 mmpipe-test"
      queue-age         = "ApproximateAgeOfOldestMessage Maximum GreaterThanThreshold 300 events"
      schedule-failures = "ApproximateNumberOfMessagesVisible Maximum GreaterThanThreshold 0 schedules-dlq"
      search-p95        = "TargetResponseTime p95 GreaterThanThreshold 0.5 app/mmpipe/0123456789abcdef,targetgroup/serve/0123456789abcdef"
    }
    error_message = "Each alarm watches its own queue, group or cluster, at its threshold."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["gpu-idle"].evaluation_periods == 6 && aws_cloudwatch_metric_alarm.this["gpu-idle"].datapoints_to_alarm == 6
    error_message = "A GPU is idle after half an hour of nothing."
  }

  assert {
    condition = anytrue([for query in aws_cloudwatch_metric_alarm.this["unhealthy-hosts"].metric_query :
      query.expression == "IF(healthy < 1 OR FILL(unhealthy, 0) > 0 OR FILL(heartbeat, 0) < 1, 1, 0)"
    ])
    error_message = "A head without a heartbeat is not healthy."
  }

  assert {
    condition = alltrue(flatten([for key in ["gpu-idle", "stale-answers", "unhealthy-hosts", "job-failures"] : [
      for query in aws_cloudwatch_metric_alarm.this[key].metric_query :
      query.metric[0].dimensions["Cluster"] == "mmpipe-test" if contains(["utilisation", "heartbeat", "jobs"], query.id)
    ]]))
    error_message = "One environment's cluster does not set off another's alarms."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn && keys(aws_sns_topic_subscription.email) == ["ops@example.com"]
    error_message = "The topic is encrypted and people are subscribed to it."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_sns_topic.alarms.policy).Statement :
      statement.Condition.StringEquals["aws:SourceAccount"] == "123456789012" && !can(statement.Principal.AWS)
    ])
    error_message = "Only services of this account publish."
  }

  assert {
    condition     = keys(aws_cloudwatch_log_metric_filter.job_failures) == ["handler", "ray"]
    error_message = "Failed runs are counted from both log groups."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 12
    error_message = "The dashboard shows the alarms and eleven graphs."
  }

  assert {
    condition = alltrue(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
      for line in widget.properties.metrics : can(regex("^(AWS/|mmpipe)", line[0])) && can(line[length(line) - 1].stat)
    ] if widget.type == "metric"]))
    error_message = "Each line of a graph is a metric's address and how it is aggregated."
  }
}

run "without_a_heartbeat_the_load_balancer_decides" {
  command = plan

  variables {
    heartbeat_metric_name = null
  }

  assert {
    condition = toset([for query in aws_cloudwatch_metric_alarm.this["unhealthy-hosts"].metric_query : query.id]) == toset([
      "healthy", "unhealthy", "watched",
    ])
    error_message = "A heartbeat that nobody publishes is not waited for."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    queue_name              = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
    dlq_name                = ""
    schedule_dlq_name       = "a queue"
    handler_log_group_name  = "arn:aws:logs:eu-central-1:123456789012:log-group:g"
    ray_log_group_name      = ""
    metrics_namespace       = "AWS/SQS"
    cluster_name            = ""
    gpu_metric_name         = ""
    heartbeat_metric_name   = "heart beat"
    runbook_url             = "docs/runbook.md#alarms"
    name                    = "Mmpipe"
    function_names          = []
    alb_arn_suffix          = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mmpipe/0123456789abcdef"
    target_group_arn_suffix = "serve"
    alarm_emails            = ["ops"]
    kms_key_arn             = "alias/aws/sns"
    thresholds              = { queue_age_seconds = 0 }
  }

  expect_failures = [
    var.name, var.function_names, var.alb_arn_suffix, var.target_group_arn_suffix, var.alarm_emails,
    var.kms_key_arn, var.thresholds, var.queue_name, var.dlq_name, var.schedule_dlq_name,
    var.handler_log_group_name, var.ray_log_group_name, var.metrics_namespace, var.cluster_name,
    var.gpu_metric_name, var.heartbeat_metric_name, var.runbook_url,
  ]
}
