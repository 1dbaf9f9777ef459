variable "name" {
  description = "Prefix of the secrets' names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the secrets."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret can be restored; 0 deletes at once, which frees the name for the next apply."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days must be 0, or 7 to 30."
  }
}

variable "generate_values" {
  description = "Whether random tokens are made. False leaves their secrets empty, for values of your own (README.md)."
  type        = bool
  default     = true
}

variable "api_keys" {
  description = "Callers of the API by name, each as `mmpipe keys new` prints it: the digest of its key and what it may do (README.md)."
  type = map(object({
    sha256      = string
    scopes      = list(string)
    collections = list(string)
    rate        = optional(number)
    burst       = optional(number)
    concurrent  = optional(number)
    expires     = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.api_keys) : can(regex("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", name))])
    error_message = "api_keys: names must be 1 to 63 letters, digits, dots, dashes or underscores each."
  }

  validation {
    condition     = alltrue([for entry in values(var.api_keys) : can(regex("^[0-9a-f]{64}$", entry.sha256))])
    error_message = "api_keys: sha256 must be the 64 hexadecimal digits of a digest, never a key itself."
  }

  validation {
    condition     = alltrue([for entry in values(var.api_keys) : length(entry.scopes) > 0 && length(entry.collections) > 0])
    error_message = "api_keys: each needs scopes and collections, one of each or more."
  }
}

variable "ray_token_version" {
  description = "Raise it to write a new Ray token; the cluster and the handlers must then restart (README.md)."
  type        = number
  default     = 1

  validation {
    condition     = var.ray_token_version >= 1 && floor(var.ray_token_version) == var.ray_token_version
    error_message = "ray_token_version must be a whole number from 1 on."
  }
}

variable "indexer_token_version" {
  description = "Raise it to write a new indexer token; Serve and the handlers must then restart (README.md)."
  type        = number
  default     = 1

  validation {
    condition     = var.indexer_token_version >= 1 && floor(var.indexer_token_version) == var.indexer_token_version
    error_message = "indexer_token_version must be a whole number from 1 on."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
