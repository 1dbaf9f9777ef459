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
  certificate_arn  = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  alarm_emails     = ["on-call@example.com"]
  lambda_zip_path  = "./main.tf" # any file will do: nothing is uploaded
  generate_secrets = false
  head_ami_id      = "ami-0123456789abcdef0"
  worker_ami_id    = "ami-0123456789abcdef1"
}

run "the_parts_fit_together" {
  command = plan

  assert {
    condition     = output.name == "mmpipe-prod" && output.catalogue_bucket == "mmpipe-prod-catalogue-123456789012" && output.lake_uri == "s3://mmpipe-prod-lake-123456789012/lake"
    error_message = "Names carry project, environment and account."
  }

  assert {
    condition     = module.network.availability_zones == tolist(["eu-central-1a", "eu-central-1b", "eu-central-1c"]) && length(module.network.nat_public_ips) == 3
    error_message = "Three zones, with a way out each."
  }

  assert {
    condition     = output.head_private_ip == "10.43.0.20"
    error_message = "Ranges of dev and prod do not overlap."
  }

  assert {
    condition     = toset(keys(module.observability.alarm_names)) == toset(["dlq-depth", "gpu-idle", "handler-errors", "handler-throttles", "job-failures", "queue-age", "schedule-failures", "search-5xx", "search-p95", "stale-answers", "unhealthy-hosts"])
    error_message = "Every alarm is there."
  }

  assert {
    condition     = var.waf_enabled && var.deletion_protection && var.deny_insecure_transport && var.deny_other_encryption
    error_message = "What protects is on by default."
  }

  assert {
    condition     = local.tags["Environment"] == "prod"
    error_message = "What Terraform makes says whose it is."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    project             = "My Shop"
    region              = "Frankfurt"
    lambda_architecture = "mips"
    certificate_arn     = "my-certificate"
    alarm_emails        = []
    image_tag           = "a tag"
  }

  expect_failures = [
    var.project, var.region, var.lambda_architecture, var.certificate_arn, var.alarm_emails, var.image_tag,
  ]
}
