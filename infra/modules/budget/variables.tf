variable "name" {
  description = "Name of the budget, such as mmpipe-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "monthly_limit_usd" {
  description = "What a month may cost, in US dollars. A budget warns; it stops nothing."
  type        = number

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "monthly_limit_usd: above 0."
  }
}

variable "alert_emails" {
  description = "Addresses that get the warnings directly."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.alert_emails) <= 10 && alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alert_emails: up to ten e-mail addresses."
  }
}

variable "sns_topic_arn" {
  description = "Topic that gets the warnings; its policy and its key have to let budgets.amazonaws.com in, as the module observability does. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.sns_topic_arn == null || can(regex("^arn:[^:]+:sns:", var.sns_topic_arn))
    error_message = "sns_topic_arn: the ARN of an SNS topic, or null."
  }
}

variable "cost_tag" {
  description = "Count only what carries this tag (it must be activated as a cost allocation tag); null counts the whole account."
  type        = object({ key = string, value = string })
  default     = null

  validation {
    condition     = var.cost_tag == null || try(length(var.cost_tag.key) > 0 && !strcontains(var.cost_tag.key, "$"), false)
    error_message = "cost_tag: a key that is not empty and holds no $, which parts key and value."
  }
}

variable "tags" {
  description = "Tags of the budget, on top of the provider's default_tags."
  type        = map(string)
  default     = {}
}
