"""What ``create_symlinks.ps1`` does with the plan it carries: the part that never changes. Pure.

PowerShell 5.1 and 7. The head (``Modules.onedrive.script``) brings ``$Enlaces``, ``$RaicesDichas``,
``$Reglas…``, ``$Finales`` and ``$Dicho``; decisions are looked up there, never made here.
What is on the disk is asked of .NET, which takes a path as it is: brackets, ``$`` and backticks
mean nothing. ``mklink`` gets its paths in variables of its own process, so cmd reads them once.
"""

from __future__ import annotations

from typing import Final

HELP: Final = r"""#Requires -Version 5.1
<#
.SYNOPSIS
    Enlaza las carpetas de productos de Lindero con sus carpetas de OneDrive.

.DESCRIPTION
    Lo escribió setup_symlinks.py; para cambiar un destino, vuelva a correrlo. Muestra el plan
    antes de hacer nada. Sin opciones sólo crea lo que falta. Nunca borra una carpeta con
    contenido. Lo hecho queda anotado en symlink_journal.jsonl, y -Undo lo deshace.

    Códigos de salida: 0 hecho, 1 algún enlace quedó sin hacer y el plan dice por qué,
    2 mal uso, 5 Windows no dejó hacer algo.

.PARAMETER Symbolic
    Enlaces simbólicos en lugar de uniones. Piden administrador o el modo de programador.

.PARAMETER Migrate
    Una carpeta con datos en el lugar del enlace se aparta con el nombre .bak-<hora>.

.PARAMETER Relink
    Un enlace que lleva a otra carpeta se cambia.

.PARAMETER CreateTarget
    Un destino que no existe se crea.

.PARAMETER Undo
    Deshace la última corrida que hizo algo.

.EXAMPLE
    powershell -ExecutionPolicy Bypass -File .\create_symlinks.ps1 -WhatIf
#>
"""

PARAMETERS: Final = r"""[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [switch] $Symbolic,
    [switch] $Migrate,
    [switch] $Relink,
    [switch] $CreateTarget,
    [switch] $Undo
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
"""

BODY: Final = r"""
# --- lo que vale para toda la corrida ---------------------------------------------------------

$Opciones = @{
    '' = $true
    'Relink' = [bool] $Relink
    'Migrate' = [bool] $Migrate
    'CreateTarget' = [bool] $CreateTarget
    'nunca' = $false
}
$Hora = [DateTime]::Now.ToString('yyyyMMdd-HHmmss', [Globalization.CultureInfo]::InvariantCulture)
$Corrida = $Hora + '-' + [Guid]::NewGuid().ToString('N').Substring(0, 8)
$Paso = 0
$Proyecto = ''
$Raices = @()
$Diario = ''
$Utf8 = New-Object System.Text.UTF8Encoding($false)
$BitCarpeta = 16
$BitReanalisis = 1024

# --- mirar ------------------------------------------------------------------------------------

function Get-Atributos([string] $Ruta) {
    # $null: no hay nada con ese nombre. Un enlace cuenta por lo que es, lleve adonde lleve.
    try { return [int] [System.IO.File]::GetAttributes($Ruta) }
    catch [System.IO.FileNotFoundException] { return $null }
    catch [System.IO.DirectoryNotFoundException] { return $null }
}

function Test-Bit($Atributos, [int] $Bit) {
    return (($Atributos -band $Bit) -ne 0)
}

function Get-TipoEnlace([string] $Ruta) {
    # 'Junction', 'SymbolicLink' o ''. Una carpeta de OneDrive también es un punto de reanálisis,
    # pero no un enlace.
    $atributos = Get-Atributos $Ruta
    if ($null -eq $atributos) { return '' }
    if (-not (Test-Bit $atributos $BitReanalisis)) { return '' }
    $cosa = New-Object System.IO.DirectoryInfo($Ruta)
    $tipo = [string] $cosa.LinkType
    if (($tipo -eq 'Junction') -or ($tipo -eq 'SymbolicLink')) { return $tipo }
    return ''
}

function Test-Enlace([string] $Ruta) {
    return ((Get-TipoEnlace $Ruta) -ne '')
}

function Get-RutaLimpia([string] $Ruta, [string] $Base) {
    $simple = $Ruta -replace '^\\[\\?]\?\\UNC\\', '\\'
    $simple = $simple -replace '^\\[\\?]\?\\', ''
    return [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($Base, $simple)).TrimEnd('\')
}

function Get-DestinoActual([string] $Ruta) {
    $cosa = New-Object System.IO.DirectoryInfo($Ruta)
    $actual = [string] (@($cosa.Target) | Select-Object -First 1)
    if ($actual -eq '') { return '' }
    return (Get-RutaLimpia $actual ([System.IO.Path]::GetDirectoryName($Ruta)))
}

function Test-MismaRuta([string] $Una, [string] $Otra) {
    $sinBarra = $Una.TrimEnd('\')
    return [string]::Equals($sinBarra, $Otra.TrimEnd('\'), [StringComparison]::OrdinalIgnoreCase)
}

function Test-Debajo([string] $Ruta, [string] $Raiz) {
    $comienzo = $Raiz.TrimEnd('\') + '\'
    return $Ruta.StartsWith($comienzo, [StringComparison]::OrdinalIgnoreCase)
}

function Test-Vacia([string] $Ruta) {
    return ([System.IO.Directory]::GetFileSystemEntries($Ruta).Length -eq 0)
}

function Get-CarpetaCentinela([string] $Archivo) {
    # De qué carpeta dice ser el destino; '' si no lo dice o no se entiende.
    if (-not [System.IO.File]::Exists($Archivo)) { return '' }
    try {
        $texto = [System.IO.File]::ReadAllText($Archivo, $Utf8)
        return [string] (ConvertFrom-Json -InputObject $texto).carpeta
    }
    catch { return '' }
}

function Get-Lugar([string] $Enlace) {
    foreach ($raiz in $Raices) {
        if (Test-Debajo $Enlace $raiz) { return 'dentro de OneDrive' }
    }
    $arriba = [System.IO.Path]::GetDirectoryName($Enlace)
    while ($arriba.Length -gt $Proyecto.Length) {
        $atributos = Get-Atributos $arriba
        if ($null -ne $atributos) {
            if (Test-Bit $atributos $BitReanalisis) { return 'dentro de otro enlace' }
            if (-not (Test-Bit $atributos $BitCarpeta)) { return 'dentro de otro enlace' }
        }
        $arriba = [System.IO.Path]::GetDirectoryName($arriba)
    }
    return 'bien'
}

function Get-Destino($Caso) {
    $raiz = ''
    foreach ($posible in $Raices) {
        if (Test-Debajo $Caso.Destino $posible) { $raiz = $posible }
    }
    if ($raiz -eq '') { return 'fuera de OneDrive' }
    $unidad = New-Object System.IO.DriveInfo([System.IO.Path]::GetPathRoot($Caso.Destino))
    if ($unidad.DriveType -eq [System.IO.DriveType]::Network) { return 'unidad de red' }
    if ($null -eq (Get-Atributos $raiz)) { return 'OneDrive no está' }
    $parte = $Caso.Destino
    while ($parte.Length -gt $raiz.Length) {
        $atributos = Get-Atributos $parte
        if ($null -ne $atributos) {
            if (Test-Enlace $parte) { return 'es un enlace' }
            if (-not (Test-Bit $atributos $BitCarpeta)) { return 'no es una carpeta' }
        }
        $parte = [System.IO.Path]::GetDirectoryName($parte)
    }
    if ($null -eq (Get-Atributos $Caso.Destino)) { return 'falta' }
    $dicha = Get-CarpetaCentinela $Caso.Centinela
    if (($dicha -ne '') -and ($dicha -ne $Caso.Carpeta)) { return 'de otra carpeta' }
    return 'existe'
}

function Get-Estado($Caso) {
    $atributos = Get-Atributos $Caso.Enlace
    if ($null -eq $atributos) { return 'falta' }
    if (-not (Test-Bit $atributos $BitCarpeta)) { return 'archivo en el lugar' }
    if (Test-Enlace $Caso.Enlace) {
        if (Test-MismaRuta (Get-DestinoActual $Caso.Enlace) $Caso.Destino) {
            return 'enlace correcto'
        }
        return 'enlace a otro destino'
    }
    if (Test-Bit $atributos $BitReanalisis) { return 'archivo en el lugar' }
    if (Test-Vacia $Caso.Enlace) { return 'carpeta vacía' }
    return 'carpeta con datos'
}

# --- decidir: sólo se busca en las reglas -----------------------------------------------------

function Get-Plan([string] $Lugar, [string] $Destino, [string] $Estado) {
    $acciones = @()
    $reglas = @($ReglasLugar[$Lugar], $ReglasDestino[$Destino], $ReglasEnlace[$Estado])
    foreach ($regla in $reglas) {
        if (-not $Opciones[$regla.Necesita]) {
            return [pscustomobject] @{ Acciones = @(); Detenido = $regla.Aviso }
        }
        $acciones += $regla.Acciones
    }
    return [pscustomobject] @{ Acciones = ($acciones + $Finales); Detenido = '' }
}

function Get-Caso($Dado) {
    $enlace = Get-RutaLimpia $Dado.Enlace $Proyecto
    $destino = Get-RutaLimpia $Dado.Destino $Proyecto
    $notas = [System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($enlace), $NombreNotas)
    $caso = [pscustomobject] @{
        Carpeta = $Dado.Carpeta
        Enlace = $enlace
        Destino = $destino
        Centinela = [System.IO.Path]::Combine($destino, $NombreCentinela)
        Nota = [System.IO.Path]::Combine($notas, $Dado.Carpeta + '.json')
        TextoCentinela = $Dado.Centinela + "`n"
        Estado = ''
        Plan = $null
        Texto = ''
    }
    $caso.Estado = Get-Estado $caso
    $caso.Plan = Get-Plan (Get-Lugar $enlace) (Get-Destino $caso) $caso.Estado
    if ($caso.Plan.Detenido -ne '') { $caso.Texto = 'DETENIDO: ' + $caso.Plan.Detenido }
    else { $caso.Texto = (@($caso.Plan.Acciones | ForEach-Object { $Dicho[$_] }) -join '; ') }
    return $caso
}

# --- anotar -----------------------------------------------------------------------------------

function Add-Diario([string] $Accion, [string] $Enlace, [string] $Destino, [string] $Tipo) {
    # Se anota antes de hacer: lo que se cortó en el medio también se puede deshacer. El salto va
    # adelante, así una línea cortada no arruina la que sigue.
    $script:Paso += 1
    $entrada = [ordered] @{
        corrida = $Corrida
        clave = $Corrida + '/' + $Paso
        accion = $Accion
        enlace = $Enlace
        destino = $Destino
        tipo = $Tipo
    }
    $linea = "`r`n" + (ConvertTo-Json -InputObject $entrada -Compress)
    [System.IO.File]::AppendAllText($Diario, $linea, $Utf8)
    return [pscustomobject] $entrada
}

function Read-Diario {
    # Lo hecho y no deshecho todavía, en su orden.
    $deshechas = @{}
    $entradas = New-Object System.Collections.ArrayList
    if ([System.IO.File]::Exists($Diario)) {
        foreach ($linea in [System.IO.File]::ReadAllLines($Diario, $Utf8)) {
            if ($linea.Trim() -eq '') { continue }
            try { $entrada = ConvertFrom-Json -InputObject $linea }
            catch {
                Write-Warning 'Una línea de symlink_journal.jsonl no se entiende y se saltea.'
                continue
            }
            $clave = [string] $entrada.enlace
            if ($entrada.accion -eq 'deshecho') { $deshechas[$clave] = $true }
            else { [void] $entradas.Add($entrada) }
        }
    }
    foreach ($entrada in $entradas) {
        if (-not $deshechas.ContainsKey([string] $entrada.clave)) { $entrada }
    }
}

# --- hacer ------------------------------------------------------------------------------------

function Test-Escritura([string] $Por, [string] $En) {
    $nombre = '.lindero-prueba-' + [Guid]::NewGuid().ToString('N') + '.tmp'
    $escrito = [System.IO.Path]::Combine($Por, $nombre)
    $leido = [System.IO.Path]::Combine($En, $nombre)
    try {
        [System.IO.File]::WriteAllText($escrito, $nombre, $Utf8)
        if (-not [System.IO.File]::Exists($leido)) {
            throw ('lo escrito en {0} no aparece en {1}' -f $Por, $En)
        }
        if ([System.IO.File]::ReadAllText($leido, $Utf8) -cne $nombre) {
            throw ('lo escrito en {0} no es lo que hay en {1}' -f $Por, $En)
        }
    }
    finally {
        if ([System.IO.File]::Exists($escrito)) { [System.IO.File]::Delete($escrito) }
    }
}

function New-Enlace([string] $Enlace, [string] $Destino, [string] $Tipo) {
    [void] [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Enlace))
    $clase = '/J'
    if ($Tipo -eq 'SymbolicLink') { $clase = '/D' }
    $inicio = New-Object System.Diagnostics.ProcessStartInfo
    $inicio.FileName = [System.IO.Path]::Combine([Environment]::SystemDirectory, 'cmd.exe')
    $inicio.WorkingDirectory = [Environment]::SystemDirectory
    $orden = 'mklink ' + $clase + ' "%LINDERO_ENLACE%" "%LINDERO_DESTINO%"'
    $inicio.Arguments = '/d /v:off /s /c "' + $orden + '"'
    $inicio.EnvironmentVariables['LINDERO_ENLACE'] = $Enlace
    $inicio.EnvironmentVariables['LINDERO_DESTINO'] = $Destino
    $inicio.UseShellExecute = $false
    $inicio.CreateNoWindow = $true
    $inicio.RedirectStandardOutput = $true
    $inicio.RedirectStandardError = $true
    $proceso = [System.Diagnostics.Process]::Start($inicio)
    $salida = $proceso.StandardOutput.ReadToEnd() + $proceso.StandardError.ReadToEnd()
    $proceso.WaitForExit()
    if ($proceso.ExitCode -ne 0) {
        $ayuda = ''
        if ($clase -eq '/D') {
            $ayuda = '. Un enlace simbólico pide administrador o el modo de programador: ' +
                'pruebe sin -Symbolic'
        }
        throw ('Windows no creó el enlace: {0}{1}' -f $salida.Trim(), $ayuda)
    }
    if (-not (Test-MismaRuta (Get-DestinoActual $Enlace) $Destino)) {
        if (Test-Enlace $Enlace) { Remove-Enlace $Enlace }
        throw ('el enlace creado no lleva a {0}' -f $Destino)
    }
}

function Remove-Enlace([string] $Ruta) {
    # Quita el enlace y nada más: el contenido del destino no se toca.
    if (-not (Test-Enlace $Ruta)) { throw ('{0} ya no es un enlace; no se toca' -f $Ruta) }
    [System.IO.Directory]::Delete($Ruta, $false)
}

function Set-Marca($Caso) {
    if (-not [System.IO.File]::Exists($Caso.Centinela)) {
        [System.IO.File]::WriteAllText($Caso.Centinela, $Caso.TextoCentinela, $Utf8)
    }
    if ([System.IO.File]::Exists($Caso.Nota)) { return }
    Add-Diario 'marcar' $Caso.Nota $Caso.Centinela ''
    [void] [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Caso.Nota))
    [System.IO.File]::WriteAllText($Caso.Nota, $Caso.TextoCentinela, $Utf8)
}

function Invoke-Accion([string] $Accion, $Caso) {
    # Devuelve lo que anotó, para poder deshacerlo.
    $enlace = $Caso.Enlace
    switch ($Accion) {
        'crear-destino' {
            Add-Diario $Accion $enlace $Caso.Destino ''
            [void] [System.IO.Directory]::CreateDirectory($Caso.Destino)
        }
        'probar-destino' { Test-Escritura $Caso.Destino $Caso.Destino }
        'quitar-enlace' {
            Add-Diario $Accion $enlace (Get-DestinoActual $enlace) (Get-TipoEnlace $enlace)
            Remove-Enlace $enlace
        }
        'quitar-vacia' {
            Add-Diario $Accion $enlace '' ''
            [System.IO.Directory]::Delete($enlace, $false)
        }
        'apartar' {
            $apartada = $enlace + '.bak-' + $Hora
            if ($null -ne (Get-Atributos $apartada)) { throw ('ya existe {0}' -f $apartada) }
            Add-Diario $Accion $enlace $apartada ''
            [System.IO.Directory]::Move($enlace, $apartada)
        }
        'crear-enlace' {
            $tipo = 'Junction'
            if ($Symbolic) { $tipo = 'SymbolicLink' }
            if ($null -ne (Get-Atributos $enlace)) { throw ('ya hay algo en {0}' -f $enlace) }
            Add-Diario $Accion $enlace $Caso.Destino $tipo
            New-Enlace $enlace $Caso.Destino $tipo
        }
        'comprobar' { Test-Escritura $enlace $Caso.Destino }
        'marcar' { Set-Marca $Caso }
        default { throw ('acción desconocida: {0}' -f $Accion) }
    }
}

function Restore-Paso($Entrada) {
    # Deshace un paso, si lo que hay es lo que el paso dejó; si no, lo dice y no toca nada.
    $enlace = [string] $Entrada.enlace
    $destino = [string] $Entrada.destino
    $libre = ($null -eq (Get-Atributos $enlace))
    switch ([string] $Entrada.accion) {
        'crear-destino' { return }
        'quitar-enlace' {
            if ($libre) { New-Enlace $enlace $destino ([string] $Entrada.tipo) }
        }
        'quitar-vacia' {
            if ($libre) { [void] [System.IO.Directory]::CreateDirectory($enlace) }
        }
        'apartar' {
            if (-not [System.IO.Directory]::Exists($destino)) {
                if ($libre) { throw ('no está {0}, donde se apartaron los datos' -f $destino) }
                return
            }
            if (-not $libre) {
                throw ('{0} está ocupado; los datos siguen en {1}' -f $enlace, $destino)
            }
            [System.IO.Directory]::Move($destino, $enlace)
        }
        'crear-enlace' {
            if ($libre) { return }
            if (-not (Test-MismaRuta (Get-DestinoActual $enlace) $destino)) {
                throw ('{0} ya no es el enlace que se creó; no se toca' -f $enlace)
            }
            Remove-Enlace $enlace
        }
        'marcar' {
            if ([System.IO.File]::Exists($enlace)) { [System.IO.File]::Delete($enlace) }
        }
        default { throw ('paso desconocido: {0}' -f $Entrada.accion) }
    }
}

function Undo-Pasos($Pasos) {
    # Del último al primero. Devuelve los motivos de lo que no se pudo; los pasos anteriores del
    # mismo enlace quedan entonces como están.
    $trabados = @{}
    $alReves = @($Pasos)
    [array]::Reverse($alReves)
    foreach ($entrada in $alReves) {
        $enlace = [string] $entrada.enlace
        if ($trabados.ContainsKey($enlace)) { continue }
        try {
            Restore-Paso $entrada
            [void] (Add-Diario 'deshecho' ([string] $entrada.clave) '' '')
        }
        catch {
            $trabados[$enlace] = $true
            $_.Exception.GetBaseException().Message
        }
    }
}

function Invoke-Caso($Caso) {
    # '' si todo salió bien; si no, el motivo, y lo hecho en este enlace vuelve atrás.
    $hechos = New-Object System.Collections.ArrayList
    try {
        foreach ($accion in $Caso.Plan.Acciones) {
            Invoke-Accion $accion $Caso | ForEach-Object { [void] $hechos.Add($_) }
        }
        return ''
    }
    catch {
        $motivo = $_.Exception.GetBaseException().Message
        $resto = @(Undo-Pasos @($hechos))
        if ($resto.Count -gt 0) { $motivo += '. No se pudo volver atrás: ' + ($resto -join '; ') }
        return $motivo
    }
}

# --- las dos corridas -------------------------------------------------------------------------

function Show-Tabla($Filas, $Columnas) {
    Write-Host ($Filas | Format-Table -Property $Columnas -Wrap | Out-String)
}

function Start-Enlaces {
    $casos = @($Enlaces | ForEach-Object { Get-Caso $_ })
    $hecho = @{ Label = 'Plan'; Expression = { $_.Texto } }
    Show-Tabla $casos @('Enlace', 'Destino', 'Estado', $hecho)
    $codigo = 0
    foreach ($caso in $casos) {
        if ($caso.Plan.Detenido -ne '') {
            $codigo = [Math]::Max($codigo, 1)
            Write-Host ('{0}: sin hacer. {1}' -f $caso.Carpeta, $caso.Plan.Detenido)
            continue
        }
        if (-not $PSCmdlet.ShouldProcess($caso.Enlace, $caso.Texto)) { continue }
        $motivo = Invoke-Caso $caso
        if ($motivo -ne '') {
            $codigo = 5
            Write-Host ('{0}: FALLÓ. {1}' -f $caso.Carpeta, $motivo)
            continue
        }
        Write-Host ('{0}: bien.' -f $caso.Carpeta)
    }
    return $codigo
}

function Start-Deshacer {
    $pendientes = @(Read-Diario)
    if ($pendientes.Count -eq 0) {
        Write-Host 'No hay nada que deshacer.'
        return 0
    }
    $ultima = [string] $pendientes[$pendientes.Count - 1].corrida
    $pasos = @($pendientes | Where-Object { $_.corrida -eq $ultima })
    Show-Tabla $pasos @('accion', 'enlace', 'destino')
    if (-not $PSCmdlet.ShouldProcess($Proyecto, 'deshacer la corrida ' + $ultima)) { return 0 }
    $resto = @(Undo-Pasos $pasos)
    if ($resto.Count -eq 0) {
        Write-Host 'Deshecho. Los destinos en OneDrive y sus archivos quedan como están.'
        return 0
    }
    Write-Host ('No se deshizo todo: {0}' -f ($resto -join '; '))
    return 5
}

if ([Environment]::OSVersion.Platform -ne [PlatformID]::Win32NT) {
    Write-Host 'Este script es para Windows.'
    exit 2
}
if (-not $PSScriptRoot) {
    Write-Host 'Corra el archivo: powershell -ExecutionPolicy Bypass -File .\create_symlinks.ps1'
    exit 2
}
if ($Undo -and ($Symbolic -or $Migrate -or $Relink -or $CreateTarget)) {
    Write-Host '-Undo va solo, o con -WhatIf.'
    exit 2
}
$Proyecto = [System.IO.Path]::GetFullPath($PSScriptRoot)
$Diario = [System.IO.Path]::Combine($Proyecto, 'symlink_journal.jsonl')
$deEntorno = @($env:OneDriveCommercial, $env:OneDrive, $env:OneDriveConsumer)
$Raices = @($RaicesDichas + $deEntorno | Where-Object { $_ } | ForEach-Object {
    [System.IO.Path]::GetFullPath($_)
})
try {
    if ($Undo) { exit (Start-Deshacer) }
    exit (Start-Enlaces)
}
catch {
    Write-Host ('No se pudo seguir: {0}' -f $_.Exception.GetBaseException().Message)
    exit 5
}
"""
