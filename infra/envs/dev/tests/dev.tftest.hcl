# A mocked provider knows no ephemeral values, which the module secrets has. So this is the real provider, which only
# plans, with no value generated and every question to AWS answered here: nothing is asked of AWS. The real apply is
# a test of its own.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = "true"
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.ingest.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.ingest.module.function.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.observability.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.ray.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.schedules.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.schedules.module.function.data.aws_caller_identity.current

  values = {
    account_id = "123456789012"
  }
}

override_data {
  target = module.network.data.aws_availability_zones.available

  values = {
    names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  }
}

variables {
  region           = "eu-central-1"
  ingress_cidrs    = ["203.0.113.7/32"]
  alarm_emails     = ["ops@example.com"]
  lambda_zip_path  = "./main.tf" # any file will do: nothing is uploaded
  generate_secrets = false
  head_ami_id      = "ami-0123456789abcdef0"
  worker_ami_id    = "ami-0123456789abcdef1"
}

run "the_parts_fit_together" {
  command = plan

  assert {
    condition     = output.name == "mmpipe-dev" && output.catalogue_bucket == "mmpipe-dev-catalogue-123456789012" && output.lake_uri == "s3://mmpipe-dev-lake-123456789012/lake"
    error_message = "Names carry project, environment and account."
  }

  assert {
    condition     = output.head_private_ip == "10.42.0.20" && output.head_launch_template == "mmpipe-dev-ray-head" && output.worker_launch_template == "mmpipe-dev-ray-worker"
    error_message = "ray_cluster.yaml finds the head's address and both templates."
  }

  assert {
    condition     = toset(keys(module.observability.alarm_names)) == toset(["dlq-depth", "gpu-idle", "handler-errors", "handler-throttles", "job-failures", "queue-age", "schedule-failures", "search-5xx", "search-p95", "stale-answers", "unhealthy-hosts"])
    error_message = "Every alarm is there."
  }

  assert {
    condition     = module.schedules.schedule_names == { maintain = "mmpipe-dev-maintain" }
    error_message = "Maintenance runs by itself, training where it was asked for."
  }

  assert {
    condition     = module.ingest.visibility_timeout_seconds == 721
    error_message = "Six times the handler's limit and the batching window."
  }

  assert {
    condition     = local.tags == { Project = "mmpipe", Environment = "dev", ManagedBy = "terraform" }
    error_message = "What Terraform makes says whose it is."
  }
}

run "own_tags_come_along_and_do_not_lie" {
  command = plan

  variables {
    tags = { Owner = "search-team", Environment = "prod" }
  }

  assert {
    condition     = local.tags == { Project = "mmpipe", Environment = "dev", ManagedBy = "terraform", Owner = "search-team" }
    error_message = "Further tags are added, and what environment this is stays true."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    project             = "My Shop"
    region              = "Frankfurt"
    lambda_architecture = "mips"
    start_head          = true
    ingress_cidrs       = ["0.0.0.0/0"]
  }

  expect_failures = [var.project, var.region, var.lambda_architecture, var.image_tag, var.ingress_cidrs]
}
