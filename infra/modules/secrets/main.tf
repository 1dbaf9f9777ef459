# The tokens are made while Terraform applies and are never written to plan or state: the random strings are
# ephemeral, and secret_string_wo is write-only. Raising a version writes a new value; without one, Terraform never
# touches a value again, so it may be changed in Secrets Manager itself. Of API keys there are digests, which may be
# seen, and which are what the variable says.

locals {
  tags = merge(var.tags, { Module = "secrets" })

  tokens = {
    ray-token     = { description = "Ray's cluster token (RAY_AUTH_MODE=token)", version = var.ray_token_version }
    indexer-token = { description = "Token of handlers for the indexer (MMPIPE_DISPATCH__TOKEN)", version = var.indexer_token_version }
    # Never written anew: another key would give every shopper another pseudonym.
    pseudonym-key = { description = "Key of shoppers' pseudonyms (MMPIPE_INTERACTIONS__KEY)", version = 1 }
  }

  generated_tokens = var.generate_values ? local.tokens : {}

  # What an entry does not say is left out of it.
  api_keys = {
    for name, entry in var.api_keys : name => { for field, value in entry : field => value if value != null }
  }
}

ephemeral "aws_secretsmanager_random_password" "token" {
  for_each = local.generated_tokens

  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "token" {
  for_each = local.tokens

  name                    = "${var.name}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days

  tags = local.tags
}

resource "aws_secretsmanager_secret_version" "token" {
  for_each = local.generated_tokens

  secret_id                = aws_secretsmanager_secret.token[each.key].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.token[each.key].random_password
  secret_string_wo_version = each.value.version
}

resource "aws_secretsmanager_secret" "api_keys" {
  name                    = "${var.name}/api-keys"
  description             = "Callers of the API: a JSON object of names to digests of keys and what they may do"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days

  tags = local.tags
}

resource "aws_secretsmanager_secret_version" "api_keys" {
  count = length(var.api_keys) > 0 ? 1 : 0

  secret_id     = aws_secretsmanager_secret.api_keys.id
  secret_string = jsonencode(local.api_keys)
}
