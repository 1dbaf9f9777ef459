# With a certificate: HTTPS answers, HTTP redirects. Without one (allow_http): HTTP answers.
# Only public_paths are forwarded. Everything else, the internal API and the metrics among it, is 403; the rule
# that says so comes before all others, so that a wider public_paths cannot open them by accident.

locals {
  answering = local.tls ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn

  # A rule takes at most five values.
  public_paths  = { for index, paths in chunklist(sort(var.public_paths), 5) : index => paths }
  private_paths = ["/internal", "/internal/*", "/metrics", "/metrics/*", "/-/*"]
}

resource "aws_lb_listener" "https" {
  count = local.tls ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = var.ssl_policy
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = local.refusal
      status_code  = "403"
    }
  }

  tags = local.tags
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = local.tls ? "redirect" : "fixed-response"

    dynamic "redirect" {
      for_each = local.tls ? [1] : []

      content {
        port        = "443"
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }

    dynamic "fixed_response" {
      for_each = local.tls ? [] : [1]

      content {
        content_type = "application/json"
        message_body = local.refusal
        status_code  = "403"
      }
    }
  }

  tags = local.tags
}

locals {
  refusal = jsonencode({ type = "about:blank", title = "Forbidden", status = 403, detail = "This path is not public." })
}

resource "aws_lb_listener_rule" "private" {
  listener_arn = local.answering
  priority     = 1

  condition {
    path_pattern {
      values = local.private_paths
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = local.refusal
      status_code  = "403"
    }
  }

  tags = merge(local.tags, { Name = "${var.name}-private" })
}

resource "aws_lb_listener_rule" "public" {
  for_each = local.public_paths

  listener_arn = local.answering
  # Reckoned from the refusal's own, so that nothing is forwarded before that rule exists or after it is gone.
  priority = aws_lb_listener_rule.private.priority + 99 + each.key

  condition {
    path_pattern {
      values = each.value
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  tags = merge(local.tags, { Name = "${var.name}-public-${each.key}" })
}
