mock_provider "aws" {
  source = "../../testing/aws"

  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mmpipe-test/0123456789abcdef"
      arn_suffix = "app/mmpipe-test/0123456789abcdef"
      dns_name   = "mmpipe-test-1.eu-central-1.elb.amazonaws.com"
    }
  }

  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mmpipe-test/0123456789abcdef"
      arn_suffix = "targetgroup/mmpipe-test/0123456789abcdef"
    }
  }

  mock_resource "aws_lb_listener" {
    defaults = {
      arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/mmpipe-test/0123456789abcdef/1"
    }
  }

  mock_resource "aws_wafv2_web_acl" {
    defaults = {
      arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/mmpipe-test/11111111-2222-3333-4444-555555555555"
    }
  }
}

variables {
  name                  = "mmpipe-test"
  vpc_id                = "vpc-1"
  public_subnet_ids     = ["subnet-1", "subnet-2"]
  alb_security_group_id = "sg-1"
  target_ips            = { head = "10.42.0.20" }
  certificate_arn       = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
}

run "tls_and_what_is_public" {
  assert {
    condition     = aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && aws_lb_listener.https[0].certificate_arn == var.certificate_arn
    error_message = "HTTPS with TLS 1.3 or 1.2, and nothing older."
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS" && aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301"
    error_message = "Plain HTTP is redirected."
  }

  assert {
    condition     = startswith(output.url, "https://")
    error_message = "The service's address is HTTPS."
  }

  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.enable_deletion_protection && !aws_lb.this.internal
    error_message = "Public, with invalid headers dropped and protected from deletion."
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0
    error_message = "The firewall is optional."
  }
  assert {
    condition     = aws_lb_listener.https[0].default_action[0].type == "fixed-response" && aws_lb_listener.https[0].default_action[0].fixed_response[0].status_code == "403"
    error_message = "A path that nobody named is refused."
  }

  assert {
    condition     = aws_lb_listener_rule.private.priority == 1 && aws_lb_listener_rule.private.action[0].fixed_response[0].status_code == "403" && length(setsubtract(["/internal/*", "/metrics"], one(one(aws_lb_listener_rule.private.condition).path_pattern).values)) == 0
    error_message = "The internal API and the metrics are refused before any other rule."
  }

  assert {
    condition     = toset(flatten([for rule in aws_lb_listener_rule.public : one(one(rule.condition).path_pattern).values])) == toset(["/v1/*", "/healthz", "/docs", "/openapi.json", "/.well-known/ucp", "/ucp/*"])
    error_message = "What is forwarded is the public API and its description."
  }

  assert {
    condition     = alltrue([for rule in aws_lb_listener_rule.public : rule.priority > 1 && rule.action[0].target_group_arn == aws_lb_target_group.this.arn])
    error_message = "Public paths go to the targets, after the refusals."
  }
  assert {
    condition     = aws_lb_target_group.this.target_type == "ip" && aws_lb_target_group.this.port == 8000 && aws_lb_target_group_attachment.this["head"].target_id == "10.42.0.20"
    error_message = "The head's fixed address is the target."
  }

  assert {
    condition     = aws_lb_target_group.this.health_check[0].path == "/readyz" && aws_lb_target_group.this.health_check[0].matcher == "200"
    error_message = "A target is healthy where every live collection can be searched."
  }
}

run "without_tls" {
  variables {
    certificate_arn = null
    allow_http      = true
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0 && aws_lb_listener.http.default_action[0].type == "fixed-response" && aws_lb_listener_rule.private.listener_arn == aws_lb_listener.http.arn && startswith(output.url, "http://")
    error_message = "Plain HTTP answers with the same rules."
  }
}

run "no_tls_by_accident" {
  command = plan

  variables {
    certificate_arn = null
  }

  expect_failures = [aws_lb.this]
}

run "firewall_and_many_paths" {
  variables {
    public_paths      = ["/a", "/b", "/c", "/d", "/e", "/f", "/g"]
    waf_enabled       = true
    waf_rate_limit    = 500
    access_log_bucket = "logs"
  }

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this[0].rule : one(one(rule.statement).rate_based_statement).limit if rule.name == "rate-per-address"]) == 500
    error_message = "One address gets the configured number of requests."
  }

  assert {
    condition     = aws_wafv2_web_acl_association.this[0].resource_arn == aws_lb.this.arn
    error_message = "The firewall stands before the load balancer."
  }

  assert {
    condition     = startswith(aws_cloudwatch_log_group.waf[0].name, "aws-waf-logs-")
    error_message = "The firewall logs only to groups of that name."
  }

  assert {
    condition     = toset([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : one(field.single_header).name]) == toset(["authorization", "x-api-key"])
    error_message = "Callers' keys stay out of the log."
  }

  assert {
    condition     = length(aws_lb_listener_rule.public) == 2 && alltrue([for rule in aws_lb_listener_rule.public : length(one(one(rule.condition).path_pattern).values) <= 5])
    error_message = "A rule holds five patterns at most, so they are spread over several."
  }

  assert {
    condition     = aws_lb.this.access_logs[0].enabled && aws_lb.this.access_logs[0].bucket == "logs"
    error_message = "Access logs go to the bucket that was given."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    vpc_id                = "main"
    alb_security_group_id = "alb"
    access_log_bucket     = "s3://logs"
    name                  = "-"
    public_subnet_ids     = ["subnet-1"]
    target_ips            = { head = "head.internal" }
    target_port           = 70000
    health_check_path     = "readyz"
    certificate_arn       = "my-certificate"
    ssl_policy            = "ELBSecurityPolicy-2016-08"
    public_paths          = ["/*"]
    idle_timeout_seconds  = 0
    waf_rate_limit        = 1
    log_retention_days    = 2
    kms_key_arn           = "alias/mmpipe"
  }

  expect_failures = [
    var.name, var.public_subnet_ids, var.target_ips, var.target_port, var.health_check_path,
    var.certificate_arn, var.ssl_policy, var.public_paths, var.idle_timeout_seconds, var.waf_rate_limit,
    var.log_retention_days, var.kms_key_arn, var.vpc_id, var.alb_security_group_id, var.access_log_bucket,
  ]
}
