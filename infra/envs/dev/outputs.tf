# ray_cluster.yaml and the operators' commands take their values from here.

output "name" {
  description = "Prefix of every name; the Ray cluster's name."
  value       = local.name
}

output "environment" {
  description = "Which environment this is."
  value       = local.environment
}

output "region" {
  description = "Region of everything."
  value       = var.region
}

output "catalogue_bucket" {
  description = "Bucket that shops upload to."
  value       = module.storage.catalogue_bucket
}

output "lake_bucket" {
  description = "Bucket of the tables."
  value       = module.storage.lake_bucket
}

output "lake_uri" {
  description = "The lake's address (MMPIPE_LAKE__URI)."
  value       = module.storage.lake_uri
}

output "kms_key_arn" {
  description = "Key of buckets, queues, secrets and images."
  value       = module.storage.kms_key_arn
}

output "queue_url" {
  description = "Queue of catalogue events."
  value       = module.ingest.queue_url
}

output "dlq_url" {
  description = "Its dead-letter queue, for `mmpipe dlq`."
  value       = module.ingest.dlq_url
}

output "function_name" {
  description = "The handler's function."
  value       = module.ingest.function_name
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "private_subnet_ids" {
  description = "Subnets of Ray and Lambda."
  value       = module.network.private_subnet_ids
}

output "head_subnet_id" {
  description = "Subnet of the Ray head."
  value       = module.network.private_subnet_ids[0]
}

output "head_private_ip" {
  description = "Fixed address of the Ray head."
  value       = module.ray.head_private_ip
}

output "ray_security_group_id" {
  description = "Security group of Ray's nodes."
  value       = module.network.ray_security_group_id
}

output "head_instance_profile" {
  description = "Instance profile of the Ray head."
  value       = module.ray.head_instance_profile_name
}

output "worker_instance_profile" {
  description = "Instance profile of Ray's workers."
  value       = module.ray.worker_instance_profile_name
}

output "head_launch_template" {
  description = "Launch template of the Ray head."
  value       = module.ray.head_launch_template_name
}

output "worker_launch_template" {
  description = "Launch template of Ray's workers."
  value       = module.ray.worker_launch_template_name
}

output "ray_log_group" {
  description = "Log group of Ray's nodes."
  value       = module.ray.log_group_name
}

output "indexer_url" {
  description = "Serve, as handlers reach it inside the VPC."
  value       = module.ray.indexer_url
}

output "jobs_url" {
  description = "Ray's Jobs API, as handlers reach it inside the VPC."
  value       = module.ray.jobs_url
}

output "ray_token_secret_arn" {
  description = "Secret with Ray's cluster token."
  value       = module.secrets.ray_token_secret_arn
}

output "indexer_token_secret_arn" {
  description = "Secret with the indexer's token."
  value       = module.secrets.indexer_token_secret_arn
}

output "pseudonym_key_secret_arn" {
  description = "Secret with the key of shoppers' pseudonyms."
  value       = module.secrets.pseudonym_key_secret_arn
}

output "api_keys_secret_arn" {
  description = "Secret with the callers of the API: digests of their keys, and what these may do."
  value       = module.secrets.api_keys_secret_arn
}

output "repository_url" {
  description = "Where the project's image is pushed to."
  value       = module.registry.repository_url
}

output "url" {
  description = "Where the service answers, by the load balancer's own name."
  value       = module.serving.url
}

output "alb_dns_name" {
  description = "The load balancer's name, for a CNAME or alias record."
  value       = module.serving.alb_dns_name
}

output "alb_zone_id" {
  description = "Route 53 zone of that name, for an alias record."
  value       = module.serving.alb_zone_id
}

output "sns_topic_arn" {
  description = "Topic of every alarm."
  value       = module.observability.sns_topic_arn
}

output "dashboard_name" {
  description = "CloudWatch dashboard."
  value       = module.observability.dashboard_name
}
