# What a Ray cluster needs from AWS, whoever starts it: `ray up` from ray_cluster.yaml (the launch templates
# below carry everything but the commands), or Terraform itself for a cluster of one node (start_head).
#
#   access.tf             what every node may do, and what none may
#   head_role.tf          the head: commits, publishes, cleans up
#   head_scaling.tf       the head as Ray's autoscaler: launches and ends workers
#   worker_role.tf        workers: read, and add objects; never delete, never publish
#   launch_templates.tf   IMDSv2, encrypted disks, private addresses
#   head_instance.tf      start_head

data "aws_region" "current" {}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  tags      = merge(var.tags, { Module = "ray" })
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  ec2_arn   = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  head_host = "ray.${var.name}.internal"
}

# The head's name inside the VPC. Its address is fixed (main.tf of the network module reserves it), so the record
# is true for whichever instance is the head, however it was started.
resource "aws_route53_zone" "this" {
  name    = "${var.name}.internal"
  comment = "Private names of ${var.name}"

  vpc {
    vpc_id = var.vpc_id
  }

  tags = local.tags
}

resource "aws_route53_record" "head" {
  zone_id = aws_route53_zone.this.zone_id
  name    = local.head_host
  type    = "A"
  ttl     = 60
  records = [var.head_private_ip]
}

resource "aws_cloudwatch_log_group" "ray" {
  name              = "/${var.name}/ray"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = local.tags
}
