# Who may talk to whom:
#   internet → alb 443, 80      alb → ray 8000      lambda → ray 8000, 8265
#   ray → ray everything        ray, lambda → interface endpoints 443
# Ray's own ports (6379, 8265, 10001 and the worker range) are open inside the ray group only.

locals {
  serve_port     = 8000
  dashboard_port = 8265
}

resource "aws_security_group" "ray" {
  name        = "${var.name}-ray"
  description = "Ray head and workers"
  vpc_id      = aws_vpc.this.id

  tags = merge(local.tags, { Name = "${var.name}-ray" })
}

resource "aws_vpc_security_group_ingress_rule" "ray_self" {
  security_group_id            = aws_security_group.ray.id
  description                  = "Ray nodes among themselves"
  referenced_security_group_id = aws_security_group.ray.id
  ip_protocol                  = "-1"

  tags = merge(local.tags, { Name = "${var.name}-ray-self" })
}

resource "aws_vpc_security_group_ingress_rule" "ray_from_alb" {
  security_group_id            = aws_security_group.ray.id
  description                  = "Queries from the load balancer"
  referenced_security_group_id = aws_security_group.alb.id
  ip_protocol                  = "tcp"
  from_port                    = local.serve_port
  to_port                      = local.serve_port

  tags = merge(local.tags, { Name = "${var.name}-ray-from-alb" })
}

resource "aws_vpc_security_group_ingress_rule" "ray_from_lambda" {
  for_each = { indexer = local.serve_port, jobs = local.dashboard_port }

  security_group_id            = aws_security_group.ray.id
  description                  = "Work from the handlers: ${each.key}"
  referenced_security_group_id = aws_security_group.lambda.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value

  tags = merge(local.tags, { Name = "${var.name}-ray-from-lambda-${each.key}" })
}

resource "aws_vpc_security_group_egress_rule" "ray_self" {
  security_group_id            = aws_security_group.ray.id
  description                  = "Ray nodes among themselves"
  referenced_security_group_id = aws_security_group.ray.id
  ip_protocol                  = "-1"

  tags = merge(local.tags, { Name = "${var.name}-ray-to-self" })
}

resource "aws_vpc_security_group_egress_rule" "ray_https" {
  security_group_id = aws_security_group.ray.id
  description       = "AWS APIs, image pulls, and media of hosts that the settings allow"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(local.tags, { Name = "${var.name}-ray-https" })
}

resource "aws_security_group" "lambda" {
  name        = "${var.name}-lambda"
  description = "Handlers"
  vpc_id      = aws_vpc.this.id

  tags = merge(local.tags, { Name = "${var.name}-lambda" })
}

resource "aws_vpc_security_group_egress_rule" "lambda_to_ray" {
  for_each = { indexer = local.serve_port, jobs = local.dashboard_port }

  security_group_id            = aws_security_group.lambda.id
  description                  = "Work for Ray: ${each.key}"
  referenced_security_group_id = aws_security_group.ray.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value

  tags = merge(local.tags, { Name = "${var.name}-lambda-to-ray-${each.key}" })
}

resource "aws_vpc_security_group_egress_rule" "lambda_https" {
  security_group_id = aws_security_group.lambda.id
  description       = "AWS APIs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(local.tags, { Name = "${var.name}-lambda-https" })
}

resource "aws_security_group" "alb" {
  name        = "${var.name}-alb"
  description = "Public load balancer"
  vpc_id      = aws_vpc.this.id

  tags = merge(local.tags, { Name = "${var.name}-alb" })
}

resource "aws_vpc_security_group_ingress_rule" "alb" {
  for_each = {
    for pair in setproduct(var.ingress_cidrs, [80, 443]) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }

  security_group_id = aws_security_group.alb.id
  description       = each.value.port == 443 ? "HTTPS" : "HTTP, redirected to HTTPS where there is a certificate"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port

  tags = merge(local.tags, { Name = "${var.name}-alb-${each.value.port}" })
}

resource "aws_vpc_security_group_egress_rule" "alb_to_ray" {
  security_group_id            = aws_security_group.alb.id
  description                  = "Queries to Serve"
  referenced_security_group_id = aws_security_group.ray.id
  ip_protocol                  = "tcp"
  from_port                    = local.serve_port
  to_port                      = local.serve_port

  tags = merge(local.tags, { Name = "${var.name}-alb-to-ray" })
}
