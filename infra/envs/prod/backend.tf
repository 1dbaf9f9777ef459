# State is in a bucket that exists before everything else: versioned, encrypted, closed to the public.
# The lock is an object beside the state; no table is needed. The bucket is named at init:
#
#   terraform init -backend-config="bucket=YOUR-STATE-BUCKET" -backend-config="region=YOUR-REGION"
terraform {
  backend "s3" {
    key          = "mmpipe/prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
