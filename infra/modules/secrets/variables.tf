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
  description = "Whether random values are made. False leaves the secrets empty, for values of your own (README.md)."
  type        = bool
  default     = true
}

variable "api_key_names" {
  description = "Callers that get a key when the secret is first written. Later ones are added to the secret itself (README.md)."
  type        = set(string)
  default     = ["default"]

  validation {
    condition     = alltrue([for name in var.api_key_names : can(regex("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", name))])
    error_message = "api_key_names must be 1 to 63 letters, digits, dots, dashes or underscores each."
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

variable "api_keys_version" {
  description = "Raise it to replace every API key at once, as after a leak. Single keys are replaced in the secret itself (README.md)."
  type        = number
  default     = 1

  validation {
    condition     = var.api_keys_version >= 1 && floor(var.api_keys_version) == var.api_keys_version
    error_message = "api_keys_version must be a whole number from 1 on."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
