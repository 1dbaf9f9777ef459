output "function_name" {
  description = "Name of the function that submits the jobs."
  value       = module.function.function_name
}

output "function_arn" {
  description = "ARN of the same function."
  value       = module.function.function_arn
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = module.function.role_arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = module.function.role_name
}

output "scheduler_role_arn" {
  description = "ARN of the role that EventBridge Scheduler takes on."
  value       = aws_iam_role.scheduler.arn
}

output "log_group_name" {
  description = "Log group of the function."
  value       = module.function.log_group_name
}

output "dlq_arn" {
  description = "ARN of the queue of failed schedules."
  value       = aws_sqs_queue.failed.arn
}

output "dlq_url" {
  description = "Address of the queue of failed schedules."
  value       = aws_sqs_queue.failed.url
}

output "dlq_name" {
  description = "Name of the queue of failed schedules, for the alarm schedule-failures."
  value       = aws_sqs_queue.failed.name
}

output "schedule_names" {
  description = "Schedules by task."
  value       = { for task, schedule in aws_scheduler_schedule.this : task => schedule.name }
}
