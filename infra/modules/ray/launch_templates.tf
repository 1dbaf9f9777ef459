# Ray merges a template's data into node_config and hands both to RunInstances. So there is no user data here (it
# would be encoded twice), no key pair (the launcher brings its own), and only the head, which has one subnet,
# describes its network interface.

data "aws_ssm_parameter" "head_ami" {
  count = var.head_ami_id == null ? 1 : 0

  name = var.head_ami_ssm_parameter
}

data "aws_ssm_parameter" "worker_ami" {
  count = var.worker_ami_id == null ? 1 : 0

  name = var.worker_ami_ssm_parameter
}

locals {
  head_ami_id   = var.head_ami_id == null ? data.aws_ssm_parameter.head_ami[0].insecure_value : var.head_ami_id
  worker_ami_id = var.worker_ami_id == null ? data.aws_ssm_parameter.worker_ami[0].insecure_value : var.worker_ami_id

  node_tags = {
    head   = merge(local.tags, { Name = "${var.name}-ray-head", Role = "ray-head" })
    worker = merge(local.tags, { Name = "${var.name}-ray-worker", Role = "ray-worker" })
  }
}

resource "aws_launch_template" "head" {
  name                   = "${var.name}-ray-head"
  description            = "Ray head of ${var.name}"
  update_default_version = true

  image_id      = local.head_ami_id
  instance_type = var.head_instance_type
  ebs_optimized = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.head.arn
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    delete_on_termination       = true
    subnet_id                   = var.subnet_ids[0]
    security_groups             = [var.security_group_id]
    private_ip_address          = var.head_private_ip
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = var.metadata_hop_limit
    instance_metadata_tags      = "disabled"
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      volume_size           = var.head_volume_gb
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = local.node_tags.head
    }
  }

  tags = local.tags
}

resource "aws_launch_template" "worker" {
  name                   = "${var.name}-ray-worker"
  description            = "Ray workers of ${var.name}; the cluster file adds the instance type and spot"
  update_default_version = true

  image_id               = local.worker_ami_id
  ebs_optimized          = true
  vpc_security_group_ids = [var.security_group_id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.worker.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = var.metadata_hop_limit
    instance_metadata_tags      = "disabled"
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      volume_size           = var.worker_volume_gb
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = local.node_tags.worker
    }
  }

  tags = local.tags
}
