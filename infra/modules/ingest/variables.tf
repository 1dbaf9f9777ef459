variable "name" {
  description = "Prefix of every name, such as mmpipe-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "catalogue_bucket" {
  description = "Bucket whose uploads and deletions are reported."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.catalogue_bucket)) && endswith(var.catalogue_bucket_arn, ":${var.catalogue_bucket}")
    error_message = "catalogue_bucket: the name of the bucket whose ARN catalogue_bucket_arn is."
  }
}

variable "catalogue_bucket_arn" {
  description = "ARN of the same bucket: the only sender that the queue accepts."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:s3:::", var.catalogue_bucket_arn))
    error_message = "catalogue_bucket_arn: the ARN of an S3 bucket."
  }
}

variable "kms_key_arn" {
  description = "Key of queues, logs, environment and secrets; its policy lets the bucket send to encrypted queues."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a KMS key."
  }
}

variable "lambda_zip_path" {
  description = "Zip of the handlers for this architecture, built by infra/lambda/build.py."
  type        = string
}

variable "lambda_architecture" {
  description = "Processor the zip was built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "lambda_memory_mb" {
  description = "Memory of the handler."
  type        = number
  default     = 256
}

variable "lambda_timeout_seconds" {
  description = "Limit of one invocation. Two dispatch calls (indexer, then Ray's Jobs API) fit in, each given half."
  type        = number
  default     = 120

  validation {
    condition     = var.lambda_timeout_seconds >= 20 && var.lambda_timeout_seconds <= 900
    error_message = "lambda_timeout_seconds: from 20 to 900."
  }
}

variable "indexer_url" {
  description = "Address of Serve inside the VPC; warm work goes to its /internal/v1/work."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+$", var.indexer_url))
    error_message = "indexer_url: http(s)://host[:port] without a path."
  }
}

variable "jobs_url" {
  description = "Address of Ray's dashboard inside the VPC; batch work goes to its Jobs API."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+$", var.jobs_url))
    error_message = "jobs_url: http(s)://host[:port] without a path."
  }
}

variable "indexer_token_secret_arn" {
  description = "Secret holding the token shared by handlers and indexer."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:secretsmanager:", var.indexer_token_secret_arn))
    error_message = "indexer_token_secret_arn: the ARN of a Secrets Manager secret, never the token itself."
  }
}

variable "ray_token_secret_arn" {
  description = "Secret holding Ray's cluster token."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:secretsmanager:", var.ray_token_secret_arn))
    error_message = "ray_token_secret_arn: the ARN of a Secrets Manager secret, never the token itself."
  }
}

variable "subnet_ids" {
  description = "Private subnets with a way to the cluster and to Secrets Manager."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups that the cluster lets in."
  type        = list(string)
}

variable "batch_size" {
  description = "Messages per invocation at most."
  type        = number
  default     = 50

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000 && (var.batch_size <= 10 || var.batching_window_seconds >= 1)
    error_message = "batch_size: from 1 to 10000; more than 10 needs batching_window_seconds of at least 1."
  }
}

variable "batching_window_seconds" {
  description = "How long messages are gathered before an invocation. Part of the time from upload to searchable."
  type        = number
  default     = 1

  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "batching_window_seconds: from 0 to 300."
  }
}

variable "max_concurrency" {
  description = "Invocations that the queue may cause at one moment: what the indexer has to bear."
  type        = number
  default     = 4

  validation {
    condition     = var.max_concurrency >= 2 && var.max_concurrency <= 1000
    error_message = "max_concurrency: from 2 (the least an event source mapping accepts) to 1000."
  }
}

variable "reserved_concurrency" {
  description = "Concurrency set aside for the handler; at least max_concurrency, or the queue would meet throttles."
  type        = number
  default     = 5

  validation {
    condition     = var.reserved_concurrency >= var.max_concurrency
    error_message = "reserved_concurrency: at least max_concurrency; below it messages are throttled into the dead-letter queue."
  }
}

variable "max_receive_count" {
  description = "Deliveries before a message goes to the dead-letter queue. The handler has them follow each other within seconds at first, then within 5 to 10 minutes: 200 are more than 12 hours that a cluster may be away."
  type        = number
  default     = 200

  validation {
    condition     = var.max_receive_count >= 16 && var.max_receive_count <= 1000
    error_message = "max_receive_count: from 16 to 1000; the first 6 are over within minutes, and an outage may be longer."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "profile" {
  description = "Model profile that encodes new data; part of every run's identity."
  type        = string
  default     = "starter"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9:/._-]*$", var.profile))
    error_message = "profile: a profile name such as starter or siglip2."
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

variable "environment" {
  description = "Further MMPIPE_* settings of the handler."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.environment) : startswith(key, "MMPIPE_")])
    error_message = "environment: names of settings, all beginning with MMPIPE_."
  }
}

variable "tags" {
  description = "Tags of every resource, on top of the provider's default_tags."
  type        = map(string)
  default     = {}
}
