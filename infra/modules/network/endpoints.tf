# S3 through a gateway endpoint costs nothing and keeps table traffic away from the NAT gateway, whose
# price is per byte. Its policy names the buckets that these subnets may reach at all.

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  region = data.aws_region.current.name
  s3_arn = "arn:${data.aws_partition.current.partition}:s3:::"

  s3_endpoint_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Who may do what with them is for roles and bucket policies to say.
          Sid       = "OwnBuckets"
          Effect    = "Allow"
          Principal = "*"
          Action    = "s3:*"
          Resource  = flatten([for arn in var.bucket_arns : [arn, "${arn}/*"]])
        },
        {
          # AWS's own buckets: ECR's image layers, and the packages of Amazon Linux 2023.
          Sid       = "AwsBuckets"
          Effect    = "Allow"
          Principal = "*"
          Action    = ["s3:GetObject"]
          Resource = [
            "${local.s3_arn}prod-${local.region}-starport-layer-bucket/*",
            "${local.s3_arn}al2023-repos-${local.region}-de612dc2/*",
          ]
        },
      ],
      length(var.readable_bucket_arns) == 0 ? [] : [
        {
          Sid       = "ReadableBuckets"
          Effect    = "Allow"
          Principal = "*"
          Action    = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]
          Resource  = flatten([for arn in var.readable_bucket_arns : [arn, "${arn}/*"]])
        },
      ],
    )
  })
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id
  policy            = local.s3_endpoint_policy

  tags = merge(local.tags, { Name = "${var.name}-s3" })
}

resource "aws_security_group" "endpoints" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.this.id

  tags = merge(local.tags, { Name = "${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = length(var.interface_endpoints) > 0 ? {
    ray    = aws_security_group.ray.id
    lambda = aws_security_group.lambda.id
  } : {}

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "AWS APIs for ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = merge(local.tags, { Name = "${var.name}-endpoints-from-${each.key}" })
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true

  tags = merge(local.tags, { Name = "${var.name}-${each.value}" })
}
