output "head_host" {
  description = "The head's name inside the VPC."
  value       = aws_route53_record.head.fqdn
}

output "head_private_ip" {
  description = "The head's fixed address."
  value       = var.head_private_ip
}

output "indexer_url" {
  description = "Where handlers send warm work (MMPIPE_DISPATCH__INDEXER_URL)."
  value       = "http://${aws_route53_record.head.fqdn}:8000"
}

output "jobs_url" {
  description = "Where handlers send batch jobs (MMPIPE_DISPATCH__JOBS_URL)."
  value       = "http://${aws_route53_record.head.fqdn}:8265"
}

output "head_role_arn" {
  description = "Role of the head."
  value       = aws_iam_role.head.arn
}

output "head_role_name" {
  description = "Name of the head's role."
  value       = aws_iam_role.head.name
}

output "worker_role_arn" {
  description = "Role of the workers."
  value       = aws_iam_role.worker.arn
}

output "worker_role_name" {
  description = "Name of the workers' role."
  value       = aws_iam_role.worker.name
}

output "head_instance_profile_name" {
  description = "Instance profile of the head."
  value       = aws_iam_instance_profile.head.name
}

output "head_instance_profile_arn" {
  description = "Instance profile of the head, its ARN."
  value       = aws_iam_instance_profile.head.arn
}

output "worker_instance_profile_name" {
  description = "Instance profile of the workers."
  value       = aws_iam_instance_profile.worker.name
}

output "worker_instance_profile_arn" {
  description = "Instance profile of the workers, its ARN."
  value       = aws_iam_instance_profile.worker.arn
}

output "head_launch_template_id" {
  description = "Launch template of the head."
  value       = aws_launch_template.head.id
}

output "head_launch_template_name" {
  description = "Name of the head's launch template, for ray_cluster.yaml."
  value       = aws_launch_template.head.name
}

output "worker_launch_template_id" {
  description = "Launch template of the workers."
  value       = aws_launch_template.worker.id
}

output "worker_launch_template_name" {
  description = "Name of the workers' launch template, for ray_cluster.yaml."
  value       = aws_launch_template.worker.name
}

output "log_group_name" {
  description = "Log group of the cluster."
  value       = aws_cloudwatch_log_group.ray.name
}

output "head_instance_id" {
  description = "The head that Terraform runs, null where `ray up` does."
  value       = one(aws_instance.head[*].id)
}
