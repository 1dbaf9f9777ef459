variable "name" {
  description = "Prefix of every name, and the cluster_name of ray_cluster.yaml: the head may only touch instances tagged with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC of the cluster."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "vpc_id must be vpc- and letters or digits."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the cluster. The head lives in the first, workers in all."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must hold at least one private subnet."
  }
}

variable "security_group_id" {
  description = "Security group of head and workers."
  type        = string

  validation {
    condition     = can(regex("^sg-[0-9a-z]+$", var.security_group_id))
    error_message = "security_group_id must be sg- and letters or digits."
  }
}

variable "head_private_ip" {
  description = "The head's fixed address in the first subnet, reserved for it."
  type        = string

  validation {
    condition     = can(cidrnetmask("${var.head_private_ip}/32"))
    error_message = "head_private_ip must be an IPv4 address of the first subnet."
  }
}

variable "lake_bucket_arn" {
  description = "Bucket of the tables."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[^/*]+$", var.lake_bucket_arn))
    error_message = "lake_bucket_arn must be arn:aws:s3:::NAME."
  }
}

variable "lake_uri" {
  description = "The lake's address in that bucket (MMPIPE_LAKE__URI), for start_head."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9][a-z0-9.-]+(/[A-Za-z0-9_./-]*)?$", var.lake_uri))
    error_message = "lake_uri must be s3://BUCKET/PREFIX."
  }
}

variable "catalogue_bucket_arn" {
  description = "Bucket that shops upload to."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[^/*]+$", var.catalogue_bucket_arn))
    error_message = "catalogue_bucket_arn must be arn:aws:s3:::NAME."
  }
}

variable "media_bucket_arns" {
  description = "Further buckets whose media may be read (MMPIPE_MEDIA__ALLOWED_BUCKETS)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.media_bucket_arns : can(regex("^arn:[a-z-]+:s3:::[^/*]+$", arn))])
    error_message = "media_bucket_arns must name buckets as arn:aws:s3:::NAME."
  }
}

variable "take_uploads" {
  description = "Whether head and workers may put files into the catalogue bucket, for PUT /v1/uploads by keys with the scope admin; a head of start_head is then told to take them (MMPIPE_SERVE__UPLOADS)."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key of the buckets, the secrets and the logs."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "ray_token_secret_arn" {
  description = "Secret with Ray's cluster token; head and workers read it."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[^*]+$", var.ray_token_secret_arn))
    error_message = "ray_token_secret_arn must be the ARN of one Secrets Manager secret, never a token itself."
  }
}

variable "indexer_token_secret_arn" {
  description = "Secret with the handlers' token; the head reads it."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[^*]+$", var.indexer_token_secret_arn))
    error_message = "indexer_token_secret_arn must be the ARN of one Secrets Manager secret, never a token itself."
  }
}

variable "pseudonym_key_secret_arn" {
  description = "Secret with the key of shoppers' pseudonyms; the head alone may read it, and gives it to its replicas."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[^*]+$", var.pseudonym_key_secret_arn))
    error_message = "pseudonym_key_secret_arn must be the ARN of one Secrets Manager secret, never a key itself."
  }
}

variable "api_keys_secret_arn" {
  description = "Secret with the callers' API keys; the head reads it."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[^*]+$", var.api_keys_secret_arn))
    error_message = "api_keys_secret_arn must be the ARN of one Secrets Manager secret, never a token itself."
  }
}

variable "ecr_repository_arn" {
  description = "Repository that nodes may pull from. Null where the image comes from elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.ecr_repository_arn == null || can(regex("^arn:[a-z-]+:ecr:[^*]+$", var.ecr_repository_arn))
    error_message = "ecr_repository_arn must be the ARN of one ECR repository, or null."
  }
}

variable "metrics_namespace" {
  description = "The one CloudWatch namespace that nodes may write to."
  type        = string
  default     = "mmpipe"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/#-]+$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace must be letters, digits and . _ / # -, and not begin with AWS/."
  }
}

variable "head_ami_id" {
  description = "Image of the head. Null takes what head_ami_ssm_parameter names."
  type        = string
  default     = null

  validation {
    condition     = var.head_ami_id == null || can(regex("^ami-[0-9a-f]+$", var.head_ami_id))
    error_message = "head_ami_id must be ami- and hexadecimal digits."
  }
}

variable "head_ami_ssm_parameter" {
  description = "Public parameter with the id of the head's image, an Amazon Linux 2023 for x86-64."
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

  validation {
    condition     = startswith(var.head_ami_ssm_parameter, "/")
    error_message = "head_ami_ssm_parameter must be a parameter's path, beginning with a slash."
  }
}

variable "worker_ami_id" {
  description = "Image of the workers. Null takes what worker_ami_ssm_parameter names."
  type        = string
  default     = null

  validation {
    condition     = var.worker_ami_id == null || can(regex("^ami-[0-9a-f]+$", var.worker_ami_id))
    error_message = "worker_ami_id must be ami- and hexadecimal digits."
  }
}

variable "worker_ami_ssm_parameter" {
  description = "Public parameter with the id of the workers' image: Amazon Linux 2023 with Docker and NVIDIA's driver."
  type        = string
  default     = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"

  validation {
    condition     = startswith(var.worker_ami_ssm_parameter, "/")
    error_message = "worker_ami_ssm_parameter must be a parameter's path, beginning with a slash."
  }
}

variable "root_device_name" {
  description = "Root device of both images: /dev/xvda on Amazon Linux, /dev/sda1 on Ubuntu."
  type        = string
  default     = "/dev/xvda"

  validation {
    condition     = startswith(var.root_device_name, "/dev/")
    error_message = "root_device_name must begin with /dev/."
  }
}

variable "head_instance_type" {
  description = "The head: always on, small. Types of the m7i, m7i-flex and c7i families have AMX, which makes encoding on the CPU fast."
  type        = string
  default     = "m7i.large"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.head_instance_type))
    error_message = "head_instance_type must be an EC2 type such as m7i.large."
  }
}

variable "worker_instance_types" {
  description = "EC2 types that the head may launch, * for any size of a family."
  type        = list(string)
  default     = ["g4dn.*", "g5.*", "g6.*", "c7i.*", "c7i-flex.*", "m7i.*", "m7i-flex.*"]

  validation {
    condition     = length(var.worker_instance_types) > 0 && !contains(var.worker_instance_types, "*")
    error_message = "worker_instance_types must name families or types; \"*\" would allow any."
  }
}

variable "head_volume_gb" {
  description = "The head's disk: image, containers, copies of live versions."
  type        = number
  default     = 60

  validation {
    condition     = var.head_volume_gb >= 20 && var.head_volume_gb <= 16384
    error_message = "head_volume_gb must be from 20 to 16384."
  }
}

variable "worker_volume_gb" {
  description = "A worker's disk: image, containers, models, what does not fit in memory."
  type        = number
  default     = 120

  validation {
    condition     = var.worker_volume_gb >= 75 && var.worker_volume_gb <= 16384
    error_message = "worker_volume_gb must be from 75 to 16384: AWS's GPU image itself takes most of 75."
  }
}

variable "metadata_hop_limit" {
  description = "Network hops to the instance's credentials. 1 suffices for containers on the host's network, as Ray starts them; a container with a network of its own needs 2."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2], var.metadata_hop_limit)
    error_message = "metadata_hop_limit must be 1, or 2 for containers with a network of their own."
  }
}

variable "start_head" {
  description = "Whether Terraform runs the head, a cluster of one node without workers. False leaves it to `ray up`."
  type        = bool
  default     = false
}

variable "head_image" {
  description = "Container image of the head that start_head runs, with its tag or digest."
  type        = string
  default     = null

  validation {
    condition     = var.head_image == null || can(regex("^[a-z0-9./_-]+(:[0-9]+/[a-z0-9./_-]+)?(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$", var.head_image))
    error_message = "head_image must be REPOSITORY:TAG or REPOSITORY@sha256:DIGEST."
  }
}

variable "head_environment" {
  description = "Further settings of the head that start_head runs, such as MMPIPE_INDEXING__PROFILE. No secrets: user data is readable."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.head_environment : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !can(regex("[\\r\\n]", value))])
    error_message = "head_environment must map names of variables (capitals, digits, underscores) to values of one line."
  }

  validation {
    condition     = alltrue([for key in keys(var.head_environment) : !can(regex("TOKEN|SECRET|PASSWORD", key))])
    error_message = "head_environment must hold no secrets; tokens come from Secrets Manager."
  }
}

variable "log_retention_days" {
  description = "Days that the cluster's logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "tags" {
  description = "Tags of every resource, the launched instances and disks included."
  type        = map(string)
  default     = {}
}
