output "queue_arn" {
  description = "ARN of the queue of catalogue events."
  value       = aws_sqs_queue.events.arn
}

output "queue_url" {
  description = "Address of the queue of catalogue events."
  value       = aws_sqs_queue.events.url
}

output "queue_name" {
  description = "Name of the queue of catalogue events."
  value       = aws_sqs_queue.events.name
}

output "dlq_arn" {
  description = "ARN of its dead-letter queue."
  value       = aws_sqs_queue.dead.arn
}

output "dlq_url" {
  description = "Address of its dead-letter queue, for `mmpipe dlq`."
  value       = aws_sqs_queue.dead.url
}

output "dlq_name" {
  description = "Name of its dead-letter queue."
  value       = aws_sqs_queue.dead.name
}

output "function_name" {
  description = "Name of the handler's function."
  value       = module.function.function_name
}

output "function_arn" {
  description = "ARN of the handler's function."
  value       = module.function.function_arn
}

output "role_arn" {
  description = "ARN of the handler's role."
  value       = module.function.role_arn
}

output "role_name" {
  description = "Name of the handler's role."
  value       = module.function.role_name
}

output "log_group_name" {
  description = "Log group of the handler."
  value       = module.function.log_group_name
}

output "visibility_timeout_seconds" {
  description = "How long a message stays hidden after a delivery."
  value       = aws_sqs_queue.events.visibility_timeout_seconds
}
