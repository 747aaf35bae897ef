# The agent of Vault or OpenBao beside our containers: it logs in by AppRole and writes each secret into
# the file that its container reads (deploy/compose.vault.yml). What the worker sees is apart from what
# the stores see. An empty or absent optional key is written as (ninguno), which Lindero takes for none.
# The address comes by VAULT_ADDR; the paths by LINDERO_VAULT_PROJECT and LINDERO_ENTORNO.

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/tmp/role_id"
      secret_id_file_path                 = "/run/secrets/lindero_vault_secret_id"
      remove_secret_id_file_after_reading = false
    }
  }
  # one that the policy forbids, or a Vault that is sealed, ends the agent: its container begins again
  exit_on_err = true
}

vault {
  retry {
    num_retries = 5
  }
}

template_config {
  exit_on_retry_failure         = true
  static_secret_render_interval = "5m"
}

template {
  destination          = "/vault/plataforma/lindero_alert_webhook_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/avisos` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_ALERT_WEBHOOK_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/plataforma/lindero_alert_smtp_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/avisos` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_ALERT_SMTP_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/plataforma/prefect_postgres_password"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/postgres` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.PREFECT_POSTGRES_PASSWORD }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/plataforma/prefect_redis_messaging_password"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/redis` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.PREFECT_REDIS_MESSAGING_PASSWORD }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/plataforma/prefect_server_api_auth_string"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prefect` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.PREFECT_SERVER_API_AUTH_STRING }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_alert_webhook_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/avisos` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_ALERT_WEBHOOK_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_alert_smtp_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/avisos` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_ALERT_SMTP_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_watch_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/avisos` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_WATCH_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/databaler_client_secret"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/databaler` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.DATABALER_CLIENT_SECRET }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/databaler_second_secret"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/databaler` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `DATABALER_SECOND_SECRET` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_google_client_secret"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/google` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_GOOGLE_CLIENT_SECRET` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_google_refresh_token"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/google` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_GOOGLE_REFRESH_TOKEN` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_jira_token"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/jira` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_JIRA_TOKEN` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/lindero_prompts_database_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prompts` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_PROMPTS_DATABASE_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/openrouter_api_key"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prompts` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `OPENROUTER_API_KEY` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/worker/prefect_server_api_auth_string"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prefect` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.PREFECT_SERVER_API_AUTH_STRING }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/prompts/lindero_prompts_database_url"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prompts` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ with index .Data.data `LINDERO_PROMPTS_DATABASE_URL` }}{{ . }}{{ else }}(ninguno){{ end }}
{{- end -}}
EOT
}

template {
  destination          = "/vault/prompts/prefect_server_api_auth_string"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<EOT
{{- with secret (printf `secret/data/%s/%s/prefect` (env `LINDERO_VAULT_PROJECT`) (env `LINDERO_ENTORNO`)) -}}
{{ .Data.data.PREFECT_SERVER_API_AUTH_STRING }}
{{- end -}}
EOT
}
