output "ray_token_secret_arn" {
  description = "Secret with Ray's cluster token."
  value       = aws_secretsmanager_secret.token["ray-token"].arn
}

output "indexer_token_secret_arn" {
  description = "Secret with the token that handlers show to the indexer."
  value       = aws_secretsmanager_secret.token["indexer-token"].arn
}

output "pseudonym_key_secret_arn" {
  description = "Secret with the key of shoppers' pseudonyms."
  value       = aws_secretsmanager_secret.token["pseudonym-key"].arn
}

output "api_keys_secret_arn" {
  description = "Secret with the callers of the API: digests of their keys, and what these may do."
  value       = aws_secretsmanager_secret.api_keys.arn
}
