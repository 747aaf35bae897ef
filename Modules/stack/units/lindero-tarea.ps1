# Registra Lindero como tarea de Windows: arranca con la máquina y levanta lo que se caiga.
# Correr una vez, en una PowerShell de administrador. Lo escribió: lindero stack units
$ErrorActionPreference = 'Stop'
$yo = [System.Security.Principal.WindowsIdentity]::GetCurrent().Name
$xml = Get-Content -Raw -LiteralPath (Join-Path $PSScriptRoot 'lindero-tarea.xml')
$xml = $xml.Replace('__USUARIO__', [System.Security.SecurityElement]::Escape($yo))
Register-ScheduledTask -TaskName 'Lindero' -Xml $xml -Force | Out-Null
Start-ScheduledTask -TaskName 'Lindero'
Write-Output "Lindero arranca con la máquina, como $yo."
