# What Lindero reads in a Vault or OpenBao, and nothing else: Modules/vault.py is held to it by a test.
# For staging: sed s/production/staging/. Another LINDERO_VAULT_PROJECT goes in the place of lindero.
#
#   bao policy write lindero-production deploy/vault/policy.hcl

path "secret/data/lindero/production/avisos" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/databaler" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/google" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/jira" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/postgres" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/prefect" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/prompts" {
  capabilities = ["read"]
}

path "secret/data/lindero/production/redis" {
  capabilities = ["read"]
}
