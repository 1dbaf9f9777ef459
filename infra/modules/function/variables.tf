variable "name" {
  description = "Name of the function."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,50}$", var.name))
    error_message = "name: 1 to 50 letters, digits, hyphens and underscores (its role adds a suffix)."
  }
}

variable "description" {
  description = "What the function does, as shown in the console."
  type        = string

  validation {
    condition     = length(var.description) >= 1 && length(var.description) <= 256
    error_message = "description: from 1 to 256 characters."
  }
}

variable "handler" {
  description = "Entry point inside the zip, such as handlers.catalogue_uploaded.handler."
  type        = string

  validation {
    condition     = can(regex("^handlers\\.[a-z_]+\\.handler$", var.handler))
    error_message = "handler: handlers.<module>.handler."
  }
}

variable "lambda_zip_path" {
  description = "Zip of the handlers for this architecture, built by infra/lambda/build.py."
  type        = string

  validation {
    condition     = fileexists(var.lambda_zip_path)
    error_message = "lambda_zip_path: no such file. Build it first: python infra/lambda/build.py"
  }
}

variable "lambda_architecture" {
  description = "Processor the zip was built for."
  type        = string

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture: arm64 or x86_64."
  }
}

variable "timeout_seconds" {
  description = "Limit of one invocation."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds: from 1 to 900."
  }
}

variable "memory_mb" {
  description = "Memory; the processor share grows with it."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb: from 128 to 10240."
  }
}

variable "reserved_concurrency" {
  description = "Invocations that may run at one moment, set aside from the account's limit."
  type        = number

  validation {
    condition     = var.reserved_concurrency >= 1
    error_message = "reserved_concurrency: at least 1 (0 would switch the function off)."
  }
}

variable "environment" {
  description = "Environment variables. Never secrets: give their ARNs."
  type        = map(string)

  validation {
    condition     = alltrue([for key in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !can(regex("(TOKEN|PASSWORD|_KEY)$", key))])
    error_message = "environment: names of capitals, digits and underscores, and no secret among them: give its ARN in a …_SECRET."
  }
}

variable "secret_arns" {
  description = "Secrets that the function reads."
  type        = list(string)

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:[^:]+:secretsmanager:[^*]+$", arn))])
    error_message = "secret_arns: ARNs of Secrets Manager secrets, without wildcards."
  }
}

variable "kms_key_arn" {
  description = "Key of the environment, the logs, the secrets and the queues."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a KMS key."
  }
}

variable "kms_services" {
  description = "Services, besides Lambda and Secrets Manager, through which the function decrypts with the key."
  type        = list(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.kms_services, ["s3", "scheduler", "sns", "sqs", "ssm"])) == 0
    error_message = "kms_services: s3, scheduler, sns, sqs or ssm."
  }
}

variable "statements" {
  description = "Further IAM statements of the function's role, each naming its actions and resources."
  type = list(object({
    Sid      = string
    Effect   = string
    Action   = list(string)
    Resource = list(string)
  }))
  default = []

  validation {
    condition     = alltrue([for s in var.statements : !contains(s.Resource, "*") && !anytrue([for action in s.Action : endswith(action, "*")])])
    error_message = "statements: name every action and resource; wildcards are not accepted."
  }
}

variable "keeps_failures" {
  description = "Whether asynchronous invocations that failed for good are kept in dead_letter_arn. Not read off that ARN, which is unknown until its queue is made."
  type        = bool
  default     = false
}

variable "dead_letter_arn" {
  description = "Queue for asynchronous invocations that failed for good. Needed with keeps_failures."
  type        = string
  default     = null

  validation {
    condition     = !var.keeps_failures || var.dead_letter_arn != null
    error_message = "dead_letter_arn: keeps_failures needs the queue to keep them in."
  }
}

variable "subnet_ids" {
  description = "Private subnets with a way to the cluster and to Secrets Manager."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids: at least one; the cluster has no public address."
  }
}

variable "security_group_ids" {
  description = "Security groups that the cluster lets in."
  type        = list(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "security_group_ids: at least one."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653], var.log_retention_days)
    error_message = "log_retention_days: one of the periods CloudWatch Logs offers (7, 14, 30, 60, 90, 180, 365 …)."
  }
}

variable "tags" {
  description = "Tags of every resource, on top of the provider's default_tags."
  type        = map(string)
  default     = {}
}
