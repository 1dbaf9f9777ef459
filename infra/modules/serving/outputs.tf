output "alb_dns_name" {
  description = "The load balancer's own name; point the public name at it."
  value       = aws_lb.this.dns_name
}

output "alb_zone_id" {
  description = "Route 53 zone of that name, for an alias record."
  value       = aws_lb.this.zone_id
}

output "alb_arn" {
  description = "The load balancer."
  value       = aws_lb.this.arn
}

output "alb_arn_suffix" {
  description = "The load balancer as CloudWatch's dimensions name it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn" {
  description = "The group of addresses that answer queries."
  value       = aws_lb_target_group.this.arn
}

output "target_group_arn_suffix" {
  description = "The target group as CloudWatch's dimensions name it."
  value       = aws_lb_target_group.this.arn_suffix
}

output "url" {
  description = "Where the service answers, by the load balancer's own name."
  value       = "${local.tls ? "https" : "http"}://${aws_lb.this.dns_name}"
}
