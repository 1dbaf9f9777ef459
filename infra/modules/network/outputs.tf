output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "availability_zones" {
  description = "Zones in use, in the order of the subnets."
  value       = local.zones
}

output "private_subnet_ids" {
  description = "Subnets of Ray and Lambda, one for each zone."
  value       = aws_subnet.private[*].id
}

output "private_subnet_arns" {
  description = "The same subnets, for policies."
  value       = aws_subnet.private[*].arn
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer and the NAT gateways, one for each zone."
  value       = aws_subnet.public[*].id
}

output "head_private_ip" {
  description = "The Ray head's fixed address in the first private subnet, reserved so that nothing else gets it."
  value       = cidrhost(aws_ec2_subnet_cidr_reservation.head.cidr_block, 4)
}

output "lambda_security_group_id" {
  description = "Security group of the handlers."
  value       = aws_security_group.lambda.id
}

output "ray_security_group_id" {
  description = "Security group of the Ray head and workers."
  value       = aws_security_group.ray.id
}

output "ray_security_group_arn" {
  description = "The same security group, for policies."
  value       = aws_security_group.ray.arn
}

output "alb_security_group_id" {
  description = "Security group of the load balancer."
  value       = aws_security_group.alb.id
}

output "s3_gateway_endpoint_id" {
  description = "The S3 gateway endpoint of the private subnets."
  value       = aws_vpc_endpoint.s3.id
}

output "nat_public_ips" {
  description = "Addresses that outgoing calls come from, for a media host's allow list."
  value       = aws_eip.nat[*].public_ip
}
