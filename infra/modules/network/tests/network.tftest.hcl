mock_provider "aws" {
  source = "../../testing/aws"

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    }
  }
}

variables {
  name        = "mmpipe-test"
  cidr        = "10.42.0.0/16"
  bucket_arns = ["arn:aws:s3:::mmpipe-test-catalogue", "arn:aws:s3:::mmpipe-test-lake"]
}

run "two_zones_one_gateway" {
  assert {
    condition     = length(output.private_subnet_ids) == 2 && length(output.public_subnet_ids) == 2 && length(aws_nat_gateway.this) == 1
    error_message = "Two zones and one NAT gateway by default."
  }

  assert {
    condition     = !anytrue([for subnet in concat(aws_subnet.private, aws_subnet.public) : subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address by being launched."
  }

  assert {
    condition     = length(distinct(concat(aws_subnet.private[*].cidr_block, aws_subnet.public[*].cidr_block))) == 4
    error_message = "Subnets do not overlap."
  }

  assert {
    condition     = aws_ec2_subnet_cidr_reservation.head.reservation_type == "explicit" && aws_ec2_subnet_cidr_reservation.head.cidr_block == "10.42.0.16/28" && output.head_private_ip == "10.42.0.20"
    error_message = "The head's address lies in a range that EC2 gives to nobody else."
  }

  assert {
    condition     = length(aws_route.nat) == 2 && alltrue([for route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.this[0].id])
    error_message = "Both zones go out through the one gateway."
  }

  # Who may reach Ray.
  assert {
    condition     = alltrue([for rule in concat([aws_vpc_security_group_ingress_rule.ray_self, aws_vpc_security_group_ingress_rule.ray_from_alb], values(aws_vpc_security_group_ingress_rule.ray_from_lambda)) : rule.cidr_ipv4 == null && rule.referenced_security_group_id != null])
    error_message = "Ray is reached from security groups only, never from a range of addresses."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.ray_from_alb.from_port == 8000 && aws_vpc_security_group_ingress_rule.ray_from_alb.to_port == 8000 && aws_vpc_security_group_ingress_rule.ray_from_alb.referenced_security_group_id == aws_security_group.alb.id
    error_message = "The load balancer reaches the queries' port and no other."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.ray_from_lambda : rule.from_port]) == toset([8000, 8265]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.ray_from_lambda : rule.from_port == rule.to_port && rule.referenced_security_group_id == aws_security_group.lambda.id])
    error_message = "Handlers reach the indexer's port and the Jobs API's."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.ray_self.referenced_security_group_id == aws_security_group.ray.id
    error_message = "Every other port of Ray is open to Ray alone."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.alb : rule.from_port]) == toset([80, 443])
    error_message = "The load balancer listens on 80 and 443."
  }

  # The S3 endpoint.
  assert {
    condition     = toset(one([for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement : statement.Resource if statement.Sid == "OwnBuckets"])) == toset(flatten([for arn in var.bucket_arns : [arn, "${arn}/*"]]))
    error_message = "The project's two buckets are reached through the endpoint …"
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement : statement.Sid == "OwnBuckets" || statement.Action == ["s3:GetObject"]]) && length(jsondecode(aws_vpc_endpoint.s3.policy).Statement) == 2
    error_message = "… and of others only AWS's own, to read image layers and packages."
  }

  assert {
    condition     = toset(aws_vpc_endpoint.s3.route_table_ids) == toset(aws_route_table.private[*].id)
    error_message = "Every private subnet uses the endpoint."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "ALL" && aws_cloudwatch_log_group.flow[0].retention_in_days == 30
    error_message = "Traffic is recorded."
  }
}

run "three_zones" {
  variables {
    availability_zones   = ["eu-central-1c", "eu-central-1a", "eu-central-1b"]
    single_nat_gateway   = false
    flow_logs            = false
    interface_endpoints  = ["sqs", "secretsmanager"]
    readable_bucket_arns = ["arn:aws:s3:::media"]
    ingress_cidrs        = ["203.0.113.0/24"]
  }

  assert {
    condition     = aws_subnet.private[*].availability_zone == ["eu-central-1c", "eu-central-1a", "eu-central-1b"] && length(aws_nat_gateway.this) == 3
    error_message = "The named zones in their order, a NAT gateway each."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 2 && alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled && length(endpoint.security_group_ids) == 1])
    error_message = "The named services have endpoints under their usual names."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.endpoints)) == toset(["lambda", "ray"]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.endpoints : rule.from_port == 443 && rule.cidr_ipv4 == null])
    error_message = "Endpoints are open to Ray and the handlers."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement : !contains(statement.Action, "s3:PutObject") && contains(statement.Resource, "arn:aws:s3:::media/*") if statement.Sid == "ReadableBuckets"])
    error_message = "Further buckets may be read only."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.alb : rule.cidr_ipv4]) == toset(["203.0.113.0/24"])
    error_message = "The load balancer is open to whom it was opened for."
  }

  assert {
    condition     = length(aws_flow_log.this) == 0 && length(aws_iam_role.flow) == 0
    error_message = "No flow logs, no role for them."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    name                    = "Mmpipe_test"
    cidr                    = "10.42.0.0/24"
    availability_zones      = ["eu-central-1a"]
    az_count                = 1
    flow_log_retention_days = 31
    kms_key_arn             = "alias/mmpipe"
    bucket_arns             = ["arn:aws:s3:::*"]
    readable_bucket_arns    = ["media"]
    interface_endpoints     = ["s3"]
    ingress_cidrs           = ["anywhere"]
  }

  expect_failures = [
    var.name, var.cidr, var.availability_zones, var.az_count, var.flow_log_retention_days, var.kms_key_arn,
    var.bucket_arns, var.readable_bucket_arns, var.interface_endpoints, var.ingress_cidrs,
  ]
}
