variable "name" {
  description = "Prefix of every name, such as mmpipe-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 lower-case letters, digits and hyphens, starting with a letter (it becomes part of bucket names)."
  }
}

variable "account_id" {
  description = "AWS account that owns the buckets; makes their names unique and guards every policy."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: the twelve digits of an AWS account."
  }
}

variable "force_destroy" {
  description = "Whether destroy may delete buckets that still hold objects. Only for throw-away environments."
  type        = bool
  default     = false
}

variable "noncurrent_days" {
  description = "Days an overwritten or deleted object can still be brought back. Also how far back a disaster recovery reaches."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days: a whole number from 1 to 3650."
  }
}

variable "uploads_expiry_days" {
  description = "Days after which uploads are deleted from the catalogue bucket; null keeps them. Expiry removes no product, but a medium that is gone cannot be encoded again, and an upload that is handled only after it expired is taken for removed: the queues hold events for up to 14 days."
  type        = number
  default     = null

  validation {
    condition     = var.uploads_expiry_days == null || try(var.uploads_expiry_days >= 1 && floor(var.uploads_expiry_days) == var.uploads_expiry_days, false)
    error_message = "uploads_expiry_days: a whole number of at least 1, or null to keep uploads."
  }
}

variable "tiering_days" {
  description = "Days after which current objects move to S3 Intelligent-Tiering, which has no retrieval fee."
  type        = number
  default     = 30

  validation {
    condition     = var.tiering_days >= 0 && floor(var.tiering_days) == var.tiering_days
    error_message = "tiering_days: a whole number, 0 or more."
  }
}

variable "kms_deletion_window_days" {
  description = "Days during which a scheduled deletion of the key can be called off."
  type        = number
  default     = 30

  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days: from 7 to 30."
  }
}

variable "deny_insecure_transport" {
  description = "Whether bucket policies refuse plain HTTP and old TLS. Set to false only against an emulator that ignores policy conditions, where the Deny would refuse everything."
  type        = bool
  default     = true
}

variable "deny_other_encryption" {
  description = "Whether bucket policies refuse uploads that ask for another cipher or key than the bucket's own. Set to false only against an emulator that ignores policy conditions."
  type        = bool
  default     = true
}

variable "access_log_bucket" {
  description = "Existing bucket that receives S3 server access logs; null leaves them off (CloudTrail data events are the alternative)."
  type        = string
  default     = null

  validation {
    condition     = var.access_log_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "access_log_bucket: the name of a bucket, or null."
  }
}

variable "tags" {
  description = "Tags of every resource, on top of the provider's default_tags."
  type        = map(string)
  default     = {}
}
