# The public door: an Application Load Balancer in front of Ray Serve. Listeners and their rules are in
# listeners.tf, the web application firewall in waf.tf.

locals {
  tags = merge(var.tags, { Module = "serving" })
  tls  = var.certificate_arn != null
}

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  subnets            = var.public_subnet_ids
  security_groups    = [var.alb_security_group_id]

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_http2               = true
  idle_timeout               = var.idle_timeout_seconds
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      bucket  = access_logs.value
      prefix  = var.name
      enabled = true
    }
  }

  tags = merge(local.tags, { Name = var.name })

  lifecycle {
    precondition {
      condition     = local.tls || var.allow_http
      error_message = "Give certificate_arn, or say allow_http = true for a service without TLS."
    }
  }
}

# Targets are addresses: the Ray head has a fixed one, and its ingress reaches the replicas of every node.
resource "aws_lb_target_group" "this" {
  name                 = var.name
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = var.target_port
  deregistration_delay = 30

  health_check {
    path                = var.health_check_path
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = merge(local.tags, { Name = var.name })
}

resource "aws_lb_target_group_attachment" "this" {
  for_each = var.target_ips

  target_group_arn = aws_lb_target_group.this.arn
  target_id        = each.value
  port             = var.target_port
}
