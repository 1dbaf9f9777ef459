mock_provider "aws" {
  source = "../../testing/aws"

  mock_data "aws_ssm_parameter" {
    defaults = {
      insecure_value = "ami-0123456789abcdef0"
    }
  }

  mock_resource "aws_launch_template" {
    defaults = {
      arn            = "arn:aws:ec2:eu-central-1:123456789012:launch-template/lt-0123456789abcdef0"
      id             = "lt-0123456789abcdef0"
      latest_version = 1
    }
  }

  mock_resource "aws_route53_record" {
    defaults = {
      fqdn = "ray.mmpipe-test.internal"
    }
  }
}

override_resource {
  target = aws_iam_role.head

  values = {
    arn = "arn:aws:iam::123456789012:role/mmpipe-test-ray-head"
  }
}

override_resource {
  target = aws_iam_role.worker

  values = {
    arn = "arn:aws:iam::123456789012:role/mmpipe-test-ray-worker"
  }
}

override_resource {
  target = aws_iam_instance_profile.head

  values = {
    arn = "arn:aws:iam::123456789012:instance-profile/mmpipe-test-ray-head"
  }
}

override_resource {
  target = aws_iam_instance_profile.worker

  values = {
    arn = "arn:aws:iam::123456789012:instance-profile/mmpipe-test-ray-worker"
  }
}

variables {
  name                     = "mmpipe-test"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-1", "subnet-2"]
  security_group_id        = "sg-1"
  head_private_ip          = "10.42.0.20"
  lake_bucket_arn          = "arn:aws:s3:::mmpipe-test-lake"
  lake_uri                 = "s3://mmpipe-test-lake/lake"
  catalogue_bucket_arn     = "arn:aws:s3:::mmpipe-test-catalogue"
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  ray_token_secret_arn     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/ray-token-AbCdEf"
  indexer_token_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/indexer-token-AbCdEf"
  pseudonym_key_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/pseudonym-key-AbCdEf"
  api_keys_secret_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/api-keys-AbCdEf"
  ecr_repository_arn       = "arn:aws:ecr:eu-central-1:123456789012:repository/mmpipe-test"
}

run "roles" {
  # Workers.
  assert {
    condition     = length([for statement in flatten([for policy in aws_iam_role_policy.worker : jsondecode(policy.policy).Statement]) : statement.Sid if statement.Effect == "Allow" && anytrue([for action in statement.Action : strcontains(action, "Delete") || strcontains(action, "*")])]) == 0
    error_message = "No worker may delete anything, and no permission of a worker is a wildcard."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.worker["limits"].policy).Statement : statement if statement.Sid == "NothingIsDeleted"]) == { Sid = "NothingIsDeleted", Effect = "Deny", Action = ["s3:DeleteObject*"], Resource = ["*"] }
    error_message = "Deleting is denied to workers, whatever else they are given."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.worker["limits"].policy).Statement : statement.Effect == "Deny" && contains(statement.Resource, "${var.lake_bucket_arn}/*live.json") if statement.Sid == "NothingIsPublished"])
    error_message = "A worker cannot change what is live."
  }

  assert {
    condition     = flatten([for statement in flatten([for policy in aws_iam_role_policy.worker : jsondecode(policy.policy).Statement]) : statement.Resource if statement.Effect == "Allow" && contains(statement.Action, "secretsmanager:GetSecretValue")]) == [var.ray_token_secret_arn]
    error_message = "Workers read the cluster's token and no other secret."
  }

  assert {
    condition     = length([for statement in flatten([for policy in aws_iam_role_policy.worker : jsondecode(policy.policy).Statement]) : statement.Sid if statement.Effect == "Allow" && anytrue([for action in statement.Action : startswith(action, "ec2:") || startswith(action, "iam:")])]) == 0
    error_message = "Workers launch nothing and hand on no role."
  }

  assert {
    condition     = alltrue([for statement in flatten([for policy in merge(aws_iam_role_policy.worker, aws_iam_role_policy.head) : jsondecode(policy.policy).Statement]) : !contains(statement.Resource, "${var.catalogue_bucket_arn}/*") || alltrue([for action in statement.Action : startswith(action, "s3:GetObject")]) if statement.Effect == "Allow"])
    error_message = "Uploads are read, never written."
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role_policy.head, aws_iam_role_policy.worker] : one([for statement in jsondecode(role["guard"].policy).Statement : statement.Effect == "Deny" && contains(statement.Action, "s3:PutBucket*") && statement.Resource == ["*"] if statement.Sid == "BucketsStayAsTheyAre"])])
    error_message = "Neither role changes a bucket or its policy."
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role_policy.head, aws_iam_role_policy.worker] : one([for statement in jsondecode(role["runtime"].policy).Statement : statement.Condition.StringEquals["cloudwatch:namespace"] == "mmpipe" if statement.Sid == "WriteOwnMetrics"])])
    error_message = "Metrics go to the project's namespace only."
  }

  # The head.
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.head["publish"].policy).Statement : statement if statement.Sid == "RemoveOldTableFiles"]) == { Sid = "RemoveOldTableFiles", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = ["arn:aws:s3:::mmpipe-test-lake/*"] }
    error_message = "The head removes files of the lake; their former versions stay."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.head["scaling"].policy).Statement : statement if statement.Sid == "GiveWorkersTheirRole"]) == { Sid = "GiveWorkersTheirRole", Effect = "Allow", Action = ["iam:PassRole"], Resource = [aws_iam_role.worker.arn], Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } } }
    error_message = "The head hands on the workers' role and no other."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.head["scaling"].policy).Statement : statement.Condition.StringEquals["aws:RequestTag/ray-cluster-name"] == "mmpipe-test" && statement.Condition.StringEquals["ec2:MetadataHttpTokens"] == "required" && statement.Condition.ArnEquals["ec2:InstanceProfile"] == aws_iam_instance_profile.worker.arn if contains(statement.Resource, "arn:aws:ec2:eu-central-1:123456789012:instance/*") && contains(statement.Action, "ec2:RunInstances")])
    error_message = "The head launches this cluster's workers, with their profile and IMDSv2."
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.head["scaling"].policy).Statement : statement.Condition.StringEquals["aws:ResourceTag/ray-cluster-name"] == "mmpipe-test" && statement.Condition.StringEquals["aws:ResourceTag/ray-node-type"] == "worker" if contains(statement.Action, "ec2:TerminateInstances")])
    error_message = "The head ends this cluster's workers and nothing else."
  }

  assert {
    condition     = alltrue([for policy in merge(aws_iam_role_policy.worker, aws_iam_role_policy.head) : length(policy.policy) < 10240])
    error_message = "IAM's bound on the policies of a role."
  }
}

run "uploads" {
  variables {
    take_uploads = true
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role_policy.head, aws_iam_role_policy.worker] : one([for statement in jsondecode(role["data"].policy).Statement : statement.Action == ["s3:AbortMultipartUpload", "s3:PutObject"] && alltrue([for resource in statement.Resource : can(regex("^${var.catalogue_bucket_arn}/\\*/(feeds|products|media|events|reviews)/\\*$", resource))]) if statement.Sid == "PutUploads"])])
    error_message = "A service that takes uploads puts them where the layout has them, and does nothing else to them."
  }

  assert {
    condition     = strcontains(local.user_data, "MMPIPE_SERVE__UPLOADS=true")
    error_message = "The head is told to take them."
  }
}

run "nodes" {
  command = plan

  assert {
    condition     = alltrue([for template in [aws_launch_template.head, aws_launch_template.worker] : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Instance credentials need IMDSv2 and are one hop away."
  }

  assert {
    condition     = alltrue([for template in [aws_launch_template.head, aws_launch_template.worker] : template.block_device_mappings[0].ebs[0].encrypted == "true" && template.block_device_mappings[0].ebs[0].volume_type == "gp3"])
    error_message = "Disks are encrypted."
  }

  assert {
    condition     = aws_launch_template.head.network_interfaces[0].associate_public_ip_address == "false" && aws_launch_template.head.network_interfaces[0].private_ip_address == "10.42.0.20" && aws_launch_template.head.network_interfaces[0].subnet_id == "subnet-1"
    error_message = "The head has its fixed private address, and no public one."
  }

  assert {
    condition     = length(aws_launch_template.worker.network_interfaces) == 0 && aws_launch_template.worker.vpc_security_group_ids == toset(["sg-1"])
    error_message = "Workers go to any of the subnets, in Ray's security group."
  }

  assert {
    condition     = aws_launch_template.head.user_data == null && aws_launch_template.worker.user_data == null
    error_message = "Ray's launcher would encode user data of a template twice."
  }

  assert {
    condition     = aws_launch_template.head.name == "mmpipe-test-ray-head" && aws_launch_template.worker.name == "mmpipe-test-ray-worker"
    error_message = "ray_cluster.yaml finds the templates by these names."
  }

  assert {
    condition     = aws_route53_record.head.name == "ray.mmpipe-test.internal" && aws_route53_record.head.records == toset(["10.42.0.20"]) && length(aws_route53_zone.this.vpc) == 1
    error_message = "The head has a private name, wherever it was started from."
  }

  assert {
    condition     = length(aws_instance.head) == 0
    error_message = "The head is left to `ray up`."
  }
}

run "terraform_runs_the_head" {
  command = plan

  variables {
    start_head       = true
    head_image       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mmpipe-test:1.0.0"
    head_environment = { MMPIPE_INDEXING__PROFILE = "starter" }
    head_ami_id      = "ami-00000000000000001"
  }

  override_resource {
    target          = aws_launch_template.head
    override_during = plan
  }

  assert {
    condition     = strcontains(aws_instance.head[0].user_data, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mmpipe-test:1.0.0") && strcontains(aws_instance.head[0].user_data, "MMPIPE_LAKE__URI=s3://mmpipe-test-lake/lake") && strcontains(aws_instance.head[0].user_data, "MMPIPE_INDEXING__PROFILE=starter")
    error_message = "The head runs the image that was given, with its settings."
  }

  assert {
    condition     = strcontains(aws_instance.head[0].user_data, "MMPIPE_SERVE__API_KEYS_SECRET=${var.api_keys_secret_arn}")
    error_message = "The query service asks for API keys."
  }

  assert {
    condition     = strcontains(aws_instance.head[0].user_data, "MMPIPE_INTERACTIONS__KEY_SECRET=${var.pseudonym_key_secret_arn}")
    error_message = "The key of the pseudonyms is in a secret."
  }

  assert {
    condition     = aws_instance.head[0].tags["ray-cluster-name"] == "mmpipe-test" && length(aws_instance.head[0].user_data) < 16384
    error_message = "It is tagged as the cluster's, and its user data fits."
  }

  assert {
    condition     = aws_launch_template.head.image_id == "ami-00000000000000001" && aws_launch_template.worker.image_id == "ami-0123456789abcdef0"
    error_message = "A given machine image wins over AWS's current one."
  }
}

run "a_head_needs_an_image" {
  command = plan

  variables {
    start_head = true
  }

  expect_failures = [aws_instance.head]
}

run "bad_input_is_refused" {
  command = plan

  variables {
    vpc_id                   = "main"
    security_group_id        = "ray"
    ray_token_secret_arn     = "hunter2"
    indexer_token_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"
    pseudonym_key_secret_arn = "0123456789abcdef"
    api_keys_secret_arn      = "keys.json"
    ecr_repository_arn       = "mmpipe"
    name                     = "x"
    subnet_ids               = []
    head_private_ip          = "ray.internal"
    lake_bucket_arn          = "mmpipe-test-lake"
    lake_uri                 = "/lake"
    catalogue_bucket_arn     = "arn:aws:s3:::*"
    media_bucket_arns        = ["media"]
    kms_key_arn              = "alias/mmpipe"
    metrics_namespace        = "AWS/EC2"
    head_ami_id              = "latest"
    head_ami_ssm_parameter   = "al2023"
    worker_ami_id            = "latest"
    worker_ami_ssm_parameter = "al2023"
    root_device_name         = "sda"
    head_instance_type       = "large"
    worker_instance_types    = ["*"]
    head_volume_gb           = 1
    worker_volume_gb         = 1
    metadata_hop_limit       = 3
    head_image               = "mmpipe"
    head_environment         = { MMPIPE_DISPATCH__TOKEN = "hunter2" }
    log_retention_days       = 2
  }

  expect_failures = [
    var.name, var.subnet_ids, var.head_private_ip, var.lake_bucket_arn, var.lake_uri,
    var.catalogue_bucket_arn, var.media_bucket_arns, var.kms_key_arn, var.metrics_namespace, var.head_ami_id,
    var.head_ami_ssm_parameter, var.worker_ami_id, var.worker_ami_ssm_parameter, var.root_device_name,
    var.head_instance_type, var.worker_instance_types, var.head_volume_gb, var.worker_volume_gb,
    var.metadata_hop_limit, var.head_image, var.head_environment, var.log_retention_days, var.vpc_id,
    var.security_group_id, var.ray_token_secret_arn, var.indexer_token_secret_arn, var.pseudonym_key_secret_arn,
    var.api_keys_secret_arn, var.ecr_repository_arn,
  ]
}
