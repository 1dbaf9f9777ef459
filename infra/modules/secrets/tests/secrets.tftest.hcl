# A mocked provider knows no ephemeral values at all. So this is the real provider, which only plans, with every
# resource overridden, no value generated, and an endpoint where nothing answers: nothing is asked of AWS. That values
# are made, and that none is in the state, is checked by a real apply.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = "true"
  skip_region_validation      = true
  skip_requesting_account_id  = true

  endpoints {
    secretsmanager = "http://127.0.0.1:9"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.token["ray-token"]
  override_during = plan

  values = {
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/ray-token-AbCdEf"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.token["indexer-token"]
  override_during = plan

  values = {
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/indexer-token-AbCdEf"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.token["pseudonym-key"]
  override_during = plan

  values = {
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/pseudonym-key-AbCdEf"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.api_keys
  override_during = plan

  values = {
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mmpipe-test/api-keys-AbCdEf"
  }
}

variables {
  name            = "mmpipe-test"
  kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  generate_values = false
  api_keys = {
    shop-web = {
      sha256      = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      scopes      = ["search", "interactions"]
      collections = ["shop"]
      rate        = 50
    }
  }
}

run "secrets" {
  command = plan

  assert {
    condition     = toset([for secret in aws_secretsmanager_secret.token : secret.name]) == toset(["mmpipe-test/indexer-token", "mmpipe-test/pseudonym-key", "mmpipe-test/ray-token"]) && aws_secretsmanager_secret.api_keys.name == "mmpipe-test/api-keys"
    error_message = "Ray's token, the indexer's token, the pseudonyms' key and the API keys, each in a secret of its own."
  }

  assert {
    condition     = alltrue([for secret in concat(values(aws_secretsmanager_secret.token), [aws_secretsmanager_secret.api_keys]) : secret.kms_key_id == var.kms_key_arn && secret.recovery_window_in_days == 30])
    error_message = "Encrypted with the project's key, and to be restored for 30 days."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.token) == 0
    error_message = "generate_values = false writes no token."
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_version.api_keys[0].secret_string) == { shop-web = { collections = ["shop"], rate = 50, scopes = ["search", "interactions"], sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } }
    error_message = "The API keys are those of the variable, without what was not said."
  }

  assert {
    condition     = strcontains(output.ray_token_secret_arn, "/ray-token-") && strcontains(output.indexer_token_secret_arn, "/indexer-token-") && strcontains(output.pseudonym_key_secret_arn, "/pseudonym-key-") && strcontains(output.api_keys_secret_arn, "/api-keys-")
    error_message = "Each output names its own secret."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    name                 = "x"
    kms_key_arn          = "alias/mmpipe"
    recovery_window_days = 3
    api_keys = {
      "my shop" = { sha256 = "a-key-itself", scopes = [], collections = [] }
    }
    ray_token_version     = 0
    indexer_token_version = 1.5
  }

  expect_failures = [
    var.name, var.kms_key_arn, var.recovery_window_days, var.api_keys, var.ray_token_version,
    var.indexer_token_version,
  ]
}
