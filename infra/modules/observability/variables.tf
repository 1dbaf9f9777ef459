variable "name" {
  description = "Prefix of every name, such as mmpipe-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "queue_name" {
  description = "Queue of catalogue events."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.queue_name))
    error_message = "queue_name: the name of an SQS queue, not its address."
  }
}

variable "dlq_name" {
  description = "Dead-letter queue of catalogue events."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.dlq_name))
    error_message = "dlq_name: the name of an SQS queue, not its address."
  }
}

variable "schedule_dlq_name" {
  description = "Queue of schedules that failed."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.schedule_dlq_name))
    error_message = "schedule_dlq_name: the name of an SQS queue, not its address."
  }
}

variable "function_names" {
  description = "Functions watched for errors and throttles."
  type        = list(string)

  validation {
    condition     = length(var.function_names) >= 1 && length(var.function_names) <= 5
    error_message = "function_names: from 1 to 5."
  }
}

variable "alb_arn_suffix" {
  description = "Load balancer, as CloudWatch names it: app/<name>/<id>."
  type        = string

  validation {
    condition     = can(regex("^app/", var.alb_arn_suffix))
    error_message = "alb_arn_suffix: app/<name>/<id>, the attribute arn_suffix of the load balancer."
  }
}

variable "target_group_arn_suffix" {
  description = "Target group of Serve, as CloudWatch names it: targetgroup/<name>/<id>."
  type        = string

  validation {
    condition     = can(regex("^targetgroup/", var.target_group_arn_suffix))
    error_message = "target_group_arn_suffix: targetgroup/<name>/<id>, the attribute arn_suffix of the target group."
  }
}

variable "handler_log_group_name" {
  description = "Log group of the catalogue handler; null leaves its failed runs out of job-failures."
  type        = string
  default     = null

  validation {
    condition     = var.handler_log_group_name == null || can(regex("^[A-Za-z0-9_/.#-]{1,512}$", var.handler_log_group_name))
    error_message = "handler_log_group_name: the name of a log group, not its ARN, or null."
  }
}

variable "ray_log_group_name" {
  description = "Log group of the cluster; null leaves its failed jobs out of job-failures."
  type        = string
  default     = null

  validation {
    condition     = var.ray_log_group_name == null || can(regex("^[A-Za-z0-9_/.#-]{1,512}$", var.ray_log_group_name))
    error_message = "ray_log_group_name: the name of a log group, not its ARN, or null."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the project's own metrics."
  type        = string
  default     = "mmpipe"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/#-]{1,255}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace: letters, digits and . _ / # -, not beginning with AWS/."
  }
}

variable "cluster_name" {
  description = "Value of the dimension Cluster of the head's metrics; null means name."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_name == null || can(regex("^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$", var.cluster_name))
    error_message = "cluster_name: letters, digits and _ . -, or null."
  }
}

variable "gpu_metric_name" {
  description = "Metric of GPU utilisation in per cent, in metrics_namespace with the dimension Cluster. The default is what mmpipe.serve.ray.cloudwatch publishes."
  type        = string
  default     = "GpuUtilisation"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.gpu_metric_name))
    error_message = "gpu_metric_name: the name of a metric."
  }
}

variable "heartbeat_metric_name" {
  description = "Metric that is 1 while the head answers, in metrics_namespace with the dimension Cluster. The default is what mmpipe.serve.ray.cloudwatch publishes; null where nothing does."
  type        = string
  default     = "Heartbeat"

  validation {
    condition     = var.heartbeat_metric_name == null || can(regex("^[A-Za-z0-9_.-]{1,255}$", var.heartbeat_metric_name))
    error_message = "heartbeat_metric_name: the name of a metric, or null."
  }
}

variable "alarm_emails" {
  description = "Addresses that are asked to subscribe to the alarms."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails: e-mail addresses."
  }
}

variable "thresholds" {
  description = "When alarms go off: oldest message (s), share of answers that are 5xx (%), p95 of answers (s), age of what is answered (s), idle GPU (% for minutes)."
  type = object({
    queue_age_seconds  = optional(number, 300)
    search_5xx_percent = optional(number, 1)
    search_p95_seconds = optional(number, 0.5)
    answer_age_seconds = optional(number, 300)
    gpu_idle_percent   = optional(number, 5)
    gpu_idle_minutes   = optional(number, 30)
  })
  default = {}

  validation {
    condition     = alltrue([for value in values(var.thresholds) : value > 0])
    error_message = "thresholds: each above 0."
  }

  validation {
    condition     = var.thresholds.gpu_idle_minutes % 5 == 0 && var.thresholds.gpu_idle_minutes <= 1440
    error_message = "thresholds.gpu_idle_minutes: a multiple of 5, up to 1440."
  }
}

variable "runbook_url" {
  description = "Where the runbook is; each alarm names its own section in it."
  type        = string
  default     = "docs/runbook.md"

  validation {
    condition     = can(regex("^[^ #]+$", var.runbook_url))
    error_message = "runbook_url: an address or path without # and blanks; each alarm adds its own section."
  }
}

variable "kms_key_arn" {
  description = "Key of the topic; its policy lets CloudWatch and Budgets use it."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a KMS key."
  }
}

variable "tags" {
  description = "Tags of every resource, on top of the provider's default_tags."
  type        = map(string)
  default     = {}
}
