variable "project" {
  description = "First part of every name; the environment is the second."
  type        = string
  default     = "mmpipe"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.project))
    error_message = "project must be 2 to 19 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region such as eu-central-1."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC, /16 to /19; must not overlap networks it is ever connected to."
  type        = string
  default     = "10.43.0.0/16"
}

variable "availability_zones" {
  description = "Zones to use. Empty takes the region's first ones; name those with GPU capacity where it matters."
  type        = list(string)
  default     = []
}

variable "ingress_cidrs" {
  description = "Who may reach the API."
  type        = set(string)
  default     = ["0.0.0.0/0"]
}

variable "certificate_arn" {
  description = "ACM certificate of the public name, in this region. There is no service without TLS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:(acm|iam):", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate, arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }
}

variable "lambda_zip_path" {
  description = "The handlers' zip, made by infra/lambda/build.py for lambda_architecture."
  type        = string
  default     = "../../../build/lambda/mmpipe-handlers-arm64.zip"
}

variable "lambda_architecture" {
  description = "Processor of the handlers: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture must be arm64 or x86_64."
  }
}

variable "profile" {
  description = "Model profile that encodes new data (MMPIPE_INDEXING__PROFILE)."
  type        = string
  default     = "starter"
}

variable "head_instance_type" {
  description = "EC2 type of a head that start_head runs; ray_cluster.yaml names its own."
  type        = string
  default     = "m7i.xlarge"
}

variable "start_head" {
  description = "Whether Terraform runs the head, a cluster of one node. False leaves it to `ray up`."
  type        = bool
  default     = false
}

variable "image_tag" {
  description = "Tag of the project's image in the repository, for start_head."
  type        = string
  default     = null

  validation {
    condition     = var.image_tag == null ? !var.start_head : can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be the tag of an image that was pushed; start_head needs one."
  }
}

variable "head_ami_id" {
  description = "Image of the head. Null takes the current Amazon Linux 2023."
  type        = string
  default     = null
}

variable "worker_ami_id" {
  description = "Image of the workers. Null takes AWS's current GPU image."
  type        = string
  default     = null
}

variable "api_keys" {
  description = "Callers of the API by name, each as `mmpipe keys new` prints it: digests and rights, no keys. Without any the service does not start."
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
}

variable "generate_secrets" {
  description = "Whether tokens are made. False leaves their secrets empty, for values of your own; nothing starts until they are put."
  type        = bool
  default     = true
}

variable "ray_token_version" {
  description = "Raise it to write a new Ray token."
  type        = number
  default     = 1
}

variable "indexer_token_version" {
  description = "Raise it to write a new indexer token."
  type        = number
  default     = 1
}

variable "schedule_maintenance" {
  description = "When tables are compacted and cleaned up: cron(…) or rate(…). Null is off."
  type        = string
  default     = "cron(15 3 * * ? *)"
}

variable "schedule_retrain" {
  description = "When models are trained anew: cron(…) or rate(…). Null is off."
  type        = string
  default     = null
}

variable "retrain_catalogue" {
  description = "Feed that encoders are trained on, s3://bucket/key; schedule_retrain needs it, retrain_recommender or both."
  type        = string
  default     = null
}

variable "retrain_recommender" {
  description = "Collections whose recommenders are trained anew on what their shoppers did."
  type        = list(string)
  default     = []
}

variable "schedule_settle" {
  description = "When clicks on sponsored places are charged that a replica left out: cron(…) or rate(…), once a day. Null is off; for shops with MMPIPE_SPONSORED__ENABLED."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days an overwritten or deleted object can still be brought back: how far back a recovery reaches."
  type        = number
  default     = 30
}

variable "take_uploads" {
  description = "Whether the service takes files over HTTP (docs/uploads.md) and may put them into the catalogue bucket."
  type        = bool
  default     = false
}

variable "media_bucket_arns" {
  description = "Further buckets whose media may be read (MMPIPE_MEDIA__ALLOWED_BUCKETS)."
  type        = list(string)
  default     = []
}

variable "interface_endpoints" {
  description = "AWS services reached through private endpoints instead of the NAT gateways. Each costs by the hour in each zone."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "secretsmanager"]
}

variable "waf_enabled" {
  description = "Whether a web application firewall stands before the load balancer."
  type        = bool
  default     = true
}

variable "waf_rate_limit" {
  description = "Requests of one address in five minutes, above which it gets 429. A shop's own backend is one address."
  type        = number
  default     = 30000
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted. Set to false, and apply, before a destroy that is meant."
  type        = bool
  default     = true
}

variable "alb_access_log_bucket" {
  description = "Existing bucket for the load balancer's access logs. Null keeps none."
  type        = string
  default     = null
}

variable "s3_access_log_bucket" {
  description = "Existing bucket for the buckets' access logs. Null keeps none."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "Who hears of alarms and of the budget; each address must confirm its subscription."
  type        = list(string)

  validation {
    condition     = length(var.alarm_emails) > 0
    error_message = "alarm_emails must name somebody: an alarm that nobody hears is none."
  }
}

variable "monthly_limit_usd" {
  description = "Monthly cost at which the budget warns."
  type        = number
  default     = 1500
}

variable "deny_insecure_transport" {
  description = "Whether bucket policies refuse plain HTTP. Set to false only against an emulator that ignores policy conditions."
  type        = bool
  default     = true
}

variable "deny_other_encryption" {
  description = "Whether bucket policies refuse other ciphers and keys. Set to false only against an emulator that ignores policy conditions."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Further tags of every resource, such as an owner or a cost centre."
  type        = map(string)
  default     = {}
}
