variable "name" {
  description = "Prefix of every name, also the Ray cluster's name: lower-case letters, digits and dashes."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC, /16 to /19."
  type        = string
  default     = "10.42.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/1[6-9]$", var.cidr))
    error_message = "cidr must be an IPv4 range from /16 to /19, such as 10.42.0.0/16."
  }
}

variable "availability_zones" {
  description = "Zones to use, in order. Empty takes the first az_count of the region."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.availability_zones) == 0 || (length(var.availability_zones) >= 2 && length(var.availability_zones) <= 4)
    error_message = "availability_zones must be empty or name 2 to 4 zones: the load balancer needs two."
  }
}

variable "az_count" {
  description = "How many zones, where availability_zones is empty. GPU spot capacity is found more easily in three."
  type        = number
  default     = 2

  validation {
    condition     = var.az_count >= 2 && var.az_count <= 4 && floor(var.az_count) == var.az_count
    error_message = "az_count must be 2, 3 or 4: the load balancer needs two zones."
  }
}

variable "nat" {
  description = "Whether private subnets reach the internet. Without it every AWS service that Ray calls needs an interface endpoint, and no public image or media host can be reached."
  type        = bool
  default     = true
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones (cheaper; its zone's failure takes the others along) instead of one for each."
  type        = bool
  default     = true
}

variable "flow_logs" {
  description = "Whether the VPC's traffic records go to CloudWatch Logs."
  type        = bool
  default     = true
}

variable "flow_log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.flow_log_retention_days)
    error_message = "flow_log_retention_days must be a period that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "kms_key_arn" {
  description = "Key of the flow logs; its policy must admit CloudWatch Logs. Null leaves them to CloudWatch's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "bucket_arns" {
  description = "Buckets that the private subnets may use through the S3 endpoint: catalogue and lake."
  type        = list(string)

  validation {
    condition     = length(var.bucket_arns) > 0 && alltrue([for arn in var.bucket_arns : can(regex("^arn:[a-z-]+:s3:::[^/*]+$", arn))])
    error_message = "bucket_arns must name at least one bucket, as arn:aws:s3:::NAME."
  }
}

variable "readable_bucket_arns" {
  description = "Further buckets that may be read through the S3 endpoint, such as one with media (MMPIPE_MEDIA__ALLOWED_BUCKETS)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.readable_bucket_arns : can(regex("^arn:[a-z-]+:s3:::[^/*]+$", arn))])
    error_message = "readable_bucket_arns must name buckets as arn:aws:s3:::NAME."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached through private endpoints instead of the NAT gateway. Each costs by the hour in each zone."
  type        = set(string)
  default     = []

  validation {
    condition = length(setsubtract(var.interface_endpoints, [
      "ec2", "ecr.api", "ecr.dkr", "kms", "logs", "monitoring", "secretsmanager", "sqs", "ssm", "ssmmessages", "sts"
    ])) == 0
    error_message = "interface_endpoints may hold ec2, ecr.api, ecr.dkr, kms, logs, monitoring, secretsmanager, sqs, ssm, ssmmessages and sts."
  }
}

variable "ingress_cidrs" {
  description = "Who may reach the load balancer."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.ingress_cidrs) > 0 && alltrue([for cidr in var.ingress_cidrs : can(cidrnetmask(cidr))])
    error_message = "ingress_cidrs must hold at least one IPv4 range, such as 203.0.113.0/24."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
