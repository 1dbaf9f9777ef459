# A trial: one NAT gateway, no firewall, plain HTTP for the addresses in ingress_cidrs, and `destroy` leaves nothing.

data "aws_caller_identity" "current" {}

locals {
  environment = "dev"
  name        = "${var.project}-${local.environment}"

  # What mmpipe.serve.ray.cloudwatch writes to.
  metrics_namespace = "mmpipe"

  tags = merge(var.tags, {
    Project     = var.project
    Environment = local.environment
    ManagedBy   = "terraform"
  })
}

module "storage" {
  source = "../../modules/storage"

  name                     = local.name
  account_id               = data.aws_caller_identity.current.account_id
  force_destroy            = true
  noncurrent_days          = 7
  kms_deletion_window_days = 7
  deny_insecure_transport  = var.deny_insecure_transport
  deny_other_encryption    = var.deny_other_encryption
  tags                     = local.tags
}

module "network" {
  source = "../../modules/network"

  name               = local.name
  cidr               = var.cidr
  availability_zones = var.availability_zones
  az_count           = 2
  nat                = true
  single_nat_gateway = true
  flow_logs          = false
  bucket_arns        = [module.storage.catalogue_bucket_arn, module.storage.lake_bucket_arn]
  ingress_cidrs      = var.ingress_cidrs
  tags               = local.tags
}

module "secrets" {
  source = "../../modules/secrets"

  name                  = local.name
  kms_key_arn           = module.storage.kms_key_arn
  recovery_window_days  = 0
  generate_values       = var.generate_secrets
  api_keys              = var.api_keys
  ray_token_version     = var.ray_token_version
  indexer_token_version = var.indexer_token_version
  tags                  = local.tags
}

module "registry" {
  source = "../../modules/registry"

  name         = local.name
  kms_key_arn  = module.storage.kms_key_arn
  keep_images  = 3
  force_delete = true
  tags         = local.tags
}

module "ray" {
  source = "../../modules/ray"

  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  security_group_id        = module.network.ray_security_group_id
  head_private_ip          = module.network.head_private_ip
  lake_bucket_arn          = module.storage.lake_bucket_arn
  lake_uri                 = module.storage.lake_uri
  catalogue_bucket_arn     = module.storage.catalogue_bucket_arn
  kms_key_arn              = module.storage.kms_key_arn
  ray_token_secret_arn     = module.secrets.ray_token_secret_arn
  indexer_token_secret_arn = module.secrets.indexer_token_secret_arn
  pseudonym_key_secret_arn = module.secrets.pseudonym_key_secret_arn
  api_keys_secret_arn      = module.secrets.api_keys_secret_arn
  take_uploads             = var.take_uploads
  ecr_repository_arn       = module.registry.repository_arn
  metrics_namespace        = local.metrics_namespace
  head_ami_id              = var.head_ami_id
  worker_ami_id            = var.worker_ami_id
  head_instance_type       = var.head_instance_type
  start_head               = var.start_head
  head_image               = var.image_tag == null ? null : "${module.registry.repository_url}:${var.image_tag}"
  head_environment = merge(
    { MMPIPE_INDEXING__PROFILE = var.profile },
    # A day: what is tried may be without a certificate tomorrow.
    var.certificate_arn == null ? {} : { MMPIPE_SERVE__HSTS_SECONDS = "86400" },
  )
  log_retention_days = 7
  tags               = local.tags
}

module "serving" {
  source = "../../modules/serving"

  name                  = local.name
  vpc_id                = module.network.vpc_id
  public_subnet_ids     = module.network.public_subnet_ids
  alb_security_group_id = module.network.alb_security_group_id
  target_ips            = { head = module.ray.head_private_ip }
  certificate_arn       = var.certificate_arn
  allow_http            = true
  waf_enabled           = false
  deletion_protection   = false
  tags                  = local.tags
}

module "ingest" {
  source = "../../modules/ingest"

  name                     = local.name
  catalogue_bucket         = module.storage.catalogue_bucket
  catalogue_bucket_arn     = module.storage.catalogue_bucket_arn
  kms_key_arn              = module.storage.kms_key_arn
  lambda_zip_path          = var.lambda_zip_path
  lambda_architecture      = var.lambda_architecture
  indexer_url              = module.ray.indexer_url
  jobs_url                 = module.ray.jobs_url
  indexer_token_secret_arn = module.secrets.indexer_token_secret_arn
  ray_token_secret_arn     = module.secrets.ray_token_secret_arn
  subnet_ids               = module.network.private_subnet_ids
  security_group_ids       = [module.network.lambda_security_group_id]
  max_concurrency          = 2
  reserved_concurrency     = 2
  log_retention_days       = 7
  profile                  = var.profile
  metrics_namespace        = local.metrics_namespace
  tags                     = local.tags
}

module "schedules" {
  source = "../../modules/schedules"

  name                 = local.name
  lambda_zip_path      = var.lambda_zip_path
  lambda_architecture  = var.lambda_architecture
  jobs_url             = module.ray.jobs_url
  ray_token_secret_arn = module.secrets.ray_token_secret_arn
  kms_key_arn          = module.storage.kms_key_arn
  subnet_ids           = module.network.private_subnet_ids
  security_group_ids   = [module.network.lambda_security_group_id]
  lake_uri             = module.storage.lake_uri
  profile              = var.profile
  schedule_maintenance = var.schedule_maintenance
  schedule_retrain     = var.schedule_retrain
  retrain_catalogue    = var.retrain_catalogue
  retrain_recommender  = var.retrain_recommender
  schedule_settle      = var.schedule_settle
  metrics_namespace    = local.metrics_namespace
  log_retention_days   = 7
  tags                 = local.tags
}

module "observability" {
  source = "../../modules/observability"

  name                    = local.name
  queue_name              = module.ingest.queue_name
  dlq_name                = module.ingest.dlq_name
  schedule_dlq_name       = module.schedules.dlq_name
  function_names          = [module.ingest.function_name, module.schedules.function_name]
  handler_log_group_name  = module.ingest.log_group_name
  ray_log_group_name      = module.ray.log_group_name
  alb_arn_suffix          = module.serving.alb_arn_suffix
  target_group_arn_suffix = module.serving.target_group_arn_suffix
  metrics_namespace       = local.metrics_namespace
  gpu_metric_name         = "GpuUtilisation"
  alarm_emails            = var.alarm_emails
  kms_key_arn             = module.storage.kms_key_arn
  tags                    = local.tags
}

module "budget" {
  source = "../../modules/budget"

  name              = local.name
  monthly_limit_usd = var.monthly_limit_usd
  alert_emails      = var.alarm_emails
  sns_topic_arn     = module.observability.sns_topic_arn
  tags              = local.tags
}
