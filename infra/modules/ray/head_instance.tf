# A cluster of one node, for shops that need no GPU workers: the project's image under systemd, started again when it
# ends. What runs inside is what ray_cluster.yaml runs on its head, without an autoscaler.

locals {
  user_data = templatefile("${path.module}/templates/head.sh.tftpl", {
    name             = var.name
    region           = local.region
    image            = var.head_image == null ? "" : var.head_image
    registry         = var.head_image == null ? "" : split("/", var.head_image)[0]
    log_group        = aws_cloudwatch_log_group.ray.name
    ray_token_secret = var.ray_token_secret_arn
    environment = merge(
      {
        AWS_DEFAULT_REGION              = local.region
        MMPIPE_DISPATCH__TOKEN_SECRET   = var.indexer_token_secret_arn
        MMPIPE_INDEXING__UPLOADS_URI    = "s3://${split(":::", var.catalogue_bucket_arn)[1]}"
        MMPIPE_INTERACTIONS__KEY_SECRET = var.pseudonym_key_secret_arn
        MMPIPE_LAKE__URI                = var.lake_uri
        MMPIPE_SERVE__API_KEYS_SECRET   = var.api_keys_secret_arn
        MMPIPE_SERVE__GPU               = "off"
        MMPIPE_STORAGE__REGION          = local.region
        RAY_AUTH_MODE                   = "token"
        RAY_AUTH_TOKEN_PATH             = "/home/ray/.mmpipe/ray-token"
      },
      var.take_uploads ? { MMPIPE_SERVE__UPLOADS = "true" } : {},
      var.head_environment,
    )
  })
}

resource "aws_instance" "head" {
  count = var.start_head ? 1 : 0

  launch_template {
    id      = aws_launch_template.head.id
    version = aws_launch_template.head.latest_version
  }

  user_data                   = local.user_data
  user_data_replace_on_change = true

  tags        = merge(local.node_tags.head, { ray-cluster-name = var.name, ray-node-type = "head" })
  volume_tags = local.node_tags.head

  lifecycle {
    # AWS publishes new machine images often; one of them is no reason to replace a head that serves. To take the
    # current one: terraform apply -replace='module.ray.aws_instance.head[0]'
    ignore_changes = [launch_template[0].version]

    precondition {
      condition     = var.head_image != null
      error_message = "start_head needs head_image: the image that was pushed to the repository, with its tag."
    }
  }
}
