output "catalogue_bucket" {
  description = "Name of the bucket that receives feeds, products, media and events."
  value       = aws_s3_bucket.this["catalogue"].bucket
}

output "catalogue_bucket_arn" {
  description = "ARN of the catalogue bucket."
  value       = aws_s3_bucket.this["catalogue"].arn
}

output "lake_bucket" {
  description = "Name of the bucket that holds the tables."
  value       = aws_s3_bucket.this["lake"].bucket
}

output "lake_bucket_arn" {
  description = "ARN of the lake bucket."
  value       = aws_s3_bucket.this["lake"].arn
}

output "lake_uri" {
  description = "Value of MMPIPE_LAKE__URI."
  value       = "s3://${aws_s3_bucket.this["lake"].bucket}/lake"
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest."
  value       = aws_kms_key.this.arn
}

output "kms_key_id" {
  description = "Id of the same key."
  value       = aws_kms_key.this.key_id
}
