variable "name" {
  description = "Name of the load balancer, its target group and its firewall."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC of the targets."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "vpc_id must be vpc- and letters or digits."
  }
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "public_subnet_ids must hold subnets of at least two zones: a load balancer needs them."
  }
}

variable "alb_security_group_id" {
  description = "Security group of the load balancer."
  type        = string

  validation {
    condition     = can(regex("^sg-[0-9a-z]+$", var.alb_security_group_id))
    error_message = "alb_security_group_id must be sg- and letters or digits."
  }
}

variable "target_ips" {
  description = "Addresses that answer queries: the Ray head's. Keys are free names."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for ip in values(var.target_ips) : can(cidrnetmask("${ip}/32"))])
    error_message = "target_ips must be IPv4 addresses."
  }
}

variable "target_port" {
  description = "Port of the Serve ingress."
  type        = number
  default     = 8000

  validation {
    condition     = var.target_port >= 1 && var.target_port <= 65535
    error_message = "target_port must be from 1 to 65535."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 where every live collection can be searched."
  type        = string
  default     = "/readyz"

  validation {
    condition     = startswith(var.health_check_path, "/")
    error_message = "health_check_path must begin with a slash."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the public name. Null serves plain HTTP, which allow_http must permit."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:(acm|iam):", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate, arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }
}

variable "allow_http" {
  description = "Permits a service without TLS where certificate_arn is null. For trials: queries and keys then travel readable."
  type        = bool
  default     = false
}

variable "ssl_policy" {
  description = "TLS versions and ciphers: TLS 1.3, and 1.2 with forward secrecy."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  validation {
    condition     = startswith(var.ssl_policy, "ELBSecurityPolicy-TLS13-1-2-") || startswith(var.ssl_policy, "ELBSecurityPolicy-TLS13-1-3-")
    error_message = "ssl_policy must be one of AWS's TLS 1.3 policies that refuse what is older than TLS 1.2."
  }
}

variable "public_paths" {
  description = "Path patterns that are forwarded; every other path is answered 403."
  type        = list(string)
  default     = ["/v1/*", "/healthz", "/docs", "/openapi.json", "/.well-known/ucp", "/ucp/*"]

  validation {
    condition     = length(var.public_paths) > 0 && alltrue([for path in var.public_paths : startswith(path, "/")])
    error_message = "public_paths must hold at least one pattern, each beginning with a slash."
  }

  validation {
    condition     = alltrue([for path in var.public_paths : !contains(["/*", "/**"], path)])
    error_message = "public_paths must name what is public; \"/*\" would forward everything."
  }
}

variable "idle_timeout_seconds" {
  description = "Seconds of silence after which a connection is closed. A large upload or a cold encoder takes a while."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_timeout_seconds >= 1 && var.idle_timeout_seconds <= 4000
    error_message = "idle_timeout_seconds must be from 1 to 4000."
  }
}

variable "waf_enabled" {
  description = "Whether a web application firewall stands before the load balancer."
  type        = bool
  default     = false
}

variable "waf_rate_limit" {
  description = "Requests of one address in five minutes, above which it gets 429. A shop's own backend is one address."
  type        = number
  default     = 10000

  validation {
    condition     = var.waf_rate_limit >= 10 && var.waf_rate_limit <= 2000000000
    error_message = "waf_rate_limit must be from 10 to 2000000000 requests in five minutes."
  }
}

variable "access_log_bucket" {
  description = "Existing bucket for the load balancer's access logs, with the policy that AWS documents for them. Null keeps none."
  type        = string
  default     = null

  validation {
    condition     = var.access_log_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "access_log_bucket must be the name of a bucket, or null."
  }
}

variable "log_retention_days" {
  description = "Days that the firewall's log of blocked requests is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "kms_key_arn" {
  description = "Key of that log; its policy must admit CloudWatch Logs. Null leaves it to CloudWatch's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
