variable "name" {
  description = "Prefix of every name, such as mmpipe-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 lower-case letters, digits and hyphens, starting with a letter."
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

variable "lambda_timeout_seconds" {
  description = "Limit of one invocation, which submits a job and does not wait for it."
  type        = number
  default     = 60

  validation {
    condition     = var.lambda_timeout_seconds >= 20 && var.lambda_timeout_seconds <= 900
    error_message = "lambda_timeout_seconds: from 20 to 900."
  }
}

variable "jobs_url" {
  description = "Address of Ray's dashboard inside the VPC, where the Jobs API is."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+$", var.jobs_url))
    error_message = "jobs_url: http(s)://host[:port] without a path."
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

variable "kms_key_arn" {
  description = "Key of the schedules, the queue, the logs and the secret."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a KMS key."
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

variable "lake_uri" {
  description = "Where the tables are: s3://bucket/prefix."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9][a-z0-9.-]+(/.*)?$", var.lake_uri))
    error_message = "lake_uri: s3://bucket/prefix."
  }
}

variable "profile" {
  description = "Model profile that is maintained and retrained."
  type        = string
  default     = "starter"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9:/._-]*$", var.profile))
    error_message = "profile: a profile name such as starter or siglip2."
  }
}

variable "schedule_maintenance" {
  description = "When tables are compacted, indexes brought up to date and old versions cleaned up: cron(…) or rate(…). Null is off."
  type        = string
  default     = "cron(15 3 * * ? *)"

  validation {
    condition     = var.schedule_maintenance == null || can(regex("^(cron|rate)\\(.+\\)$", var.schedule_maintenance))
    error_message = "schedule_maintenance: cron(…) or rate(…), or null for off."
  }
}

variable "schedule_retrain" {
  description = "When models are trained anew on what shoppers did: cron(…) or rate(…). Null is off."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_retrain == null || can(regex("^(cron|rate)\\(.+\\)$", var.schedule_retrain))
    error_message = "schedule_retrain: cron(…) or rate(…), or null for off."
  }
}

variable "retrain_catalogue" {
  description = "Address of the feed that encoders are trained on, such as s3://bucket/shop/feeds/products.jsonl. schedule_retrain needs this, retrain_recommender or both."
  type        = string
  default     = null

  validation {
    condition     = var.retrain_catalogue == null || can(regex("^s3://[a-z0-9][a-z0-9.-]+/.+$", var.retrain_catalogue))
    error_message = "retrain_catalogue: the feed to train on, as s3://bucket/key."
  }

  validation {
    condition     = var.schedule_retrain == null || var.retrain_catalogue != null || length(var.retrain_recommender) > 0
    error_message = "retrain_catalogue: schedule_retrain needs a feed to train encoders on, or collections in retrain_recommender."
  }
}

variable "retrain_recommender" {
  description = "Collections whose recommenders are trained anew on what their shoppers did."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.retrain_recommender : can(regex("^[a-z0-9][a-z0-9_-]{0,62}$", name))])
    error_message = "retrain_recommender: names of collections."
  }
}

variable "schedule_settle" {
  description = "When clicks on sponsored places are charged that a replica ended before it charged: cron(…) or rate(…), once a day. Null is off, as it should be while MMPIPE_SPONSORED__ENABLED is."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_settle == null || can(regex("^(cron|rate)\\(.+\\)$", var.schedule_settle))
    error_message = "schedule_settle: cron(…) or rate(…), or null for off."
  }
}

variable "timezone" {
  description = "Time zone of the schedules, as in the IANA database."
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+)$", var.timezone))
    error_message = "timezone: a name of the IANA database, such as UTC or Europe/Berlin."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
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
