# Ray's autoscaler, on the head: it may launch instances with the worker's profile only, tagged as this cluster's, in
# these subnets, and end or tag such instances only.

locals {
  own_node = { "aws:ResourceTag/ray-cluster-name" = var.name }

  scaling_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # These calls know no resources.
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "ec2:DescribeImages", "ec2:DescribeInstanceStatus", "ec2:DescribeInstanceTypes", "ec2:DescribeInstances",
          "ec2:DescribeKeyPairs", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates",
          "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "LaunchWorkers"
        Effect   = "Allow"
        Action   = ["ec2:RunInstances"]
        Resource = ["${local.ec2_arn}:instance/*"]
        Condition = {
          StringEquals = {
            "aws:RequestTag/ray-cluster-name" = var.name
            "aws:RequestTag/ray-node-type"    = "worker"
            "ec2:MetadataHttpTokens"          = "required"
          }
          ArnEquals  = { "ec2:InstanceProfile" = aws_iam_instance_profile.worker.arn }
          StringLike = { "ec2:InstanceType" = var.worker_instance_types }
        }
      },
      {
        Sid       = "LaunchWithEncryptedDisks"
        Effect    = "Allow"
        Action    = ["ec2:RunInstances"]
        Resource  = ["${local.ec2_arn}:volume/*"]
        Condition = { Bool = { "ec2:Encrypted" = "true" } }
      },
      {
        Sid       = "LaunchWithoutPublicAddress"
        Effect    = "Allow"
        Action    = ["ec2:RunInstances"]
        Resource  = ["${local.ec2_arn}:network-interface/*"]
        Condition = { BoolIfExists = { "ec2:AssociatePublicIpAddress" = "false" } }
      },
      {
        Sid    = "LaunchHere"
        Effect = "Allow"
        Action = ["ec2:RunInstances"]
        Resource = concat(
          [for id in var.subnet_ids : "${local.ec2_arn}:subnet/${id}"],
          [
            "${local.ec2_arn}:security-group/${var.security_group_id}",
            aws_launch_template.worker.arn,
            "${local.ec2_arn}:key-pair/*",
            "${local.ec2_arn}:spot-instances-request/*",
            "arn:${local.partition}:ec2:${local.region}::image/*",
            "${local.ec2_arn}:image/*",
          ],
        )
      },
      {
        Sid       = "TagWhatIsLaunched"
        Effect    = "Allow"
        Action    = ["ec2:CreateTags"]
        Resource  = [for kind in ["instance", "network-interface", "spot-instances-request", "volume"] : "${local.ec2_arn}:${kind}/*"]
        Condition = { StringEquals = { "ec2:CreateAction" = "RunInstances" } }
      },
      {
        # Ray keeps a node's state in its tags. What makes it this cluster's worker is not among them.
        Sid      = "TagOwnNodes"
        Effect   = "Allow"
        Action   = ["ec2:CreateTags"]
        Resource = ["${local.ec2_arn}:instance/*"]
        Condition = {
          StringEquals = local.own_node
          "ForAllValues:StringEquals" = {
            "aws:TagKeys" = ["Name", "ray-file-mounts-contents", "ray-launch-config", "ray-node-status", "ray-runtime-config"]
          }
        }
      },
      {
        Sid       = "EndOwnWorkers"
        Effect    = "Allow"
        Action    = ["ec2:StopInstances", "ec2:TerminateInstances"]
        Resource  = ["${local.ec2_arn}:instance/*"]
        Condition = { StringEquals = merge(local.own_node, { "aws:ResourceTag/ray-node-type" = "worker" }) }
      },
      {
        Sid       = "GiveWorkersTheirRole"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.worker.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
      },
      {
        # EC2 makes this role at an account's first spot request.
        Sid       = "FirstSpotRequest"
        Effect    = "Allow"
        Action    = ["iam:CreateServiceLinkedRole"]
        Resource  = ["arn:${local.partition}:iam::${local.account}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"]
        Condition = { StringEquals = { "iam:AWSServiceName" = "spot.amazonaws.com" } }
      },
    ]
  })
}
