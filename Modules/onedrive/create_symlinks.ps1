#Requires -Version 5.1
<#
.SYNOPSIS
    Enlaza las carpetas de productos de Lindero con sus carpetas de OneDrive.

.DESCRIPTION
    Lo escribió setup_symlinks.py; para cambiar un destino, vuelva a correrlo. Muestra el plan
    antes de hacer nada. Sin opciones sólo crea lo que falta. Nunca borra una carpeta con
    contenido. Lo hecho queda anotado en symlink_journal.jsonl, y -Undo lo deshace.

    Códigos de salida: 0 hecho, 1 algún enlace quedó sin hacer y el plan dice por qué,
    2 mal uso, 5 Windows no dejó hacer algo.

.EXAMPLE
    powershell -ExecutionPolicy Bypass -File .\create_symlinks.ps1 -WhatIf
#>

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Enlaces simbólicos en lugar de uniones. Piden administrador o el modo de programador.
    [switch] $Symbolic,
    # Una carpeta con datos en el lugar del enlace se aparta con el nombre .bak-<hora>.
    [switch] $Migrate,
    # Un enlace que lleva a otra carpeta se cambia.
    [switch] $Relink,
    # Un destino que no existe se crea.
    [switch] $CreateTarget,
    # Deshace la última corrida que hizo algo.
    [switch] $Undo
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# --- qué enlaces: lo escribe setup_symlinks.py ------------------------------------------------
$RaicesDichas = @()
$Enlaces = @()

# --- qué se hace en cada estado, y qué tiene que hacer antes una persona -----------------------
$Cambios = @{
    'falta' = @('crear-enlace')
    'enlace correcto' = @()
    'enlace a otro destino' = @('quitar-enlace', 'crear-enlace')
    'carpeta vacía' = @('quitar-vacia', 'crear-enlace')
    'carpeta con datos' = @('apartar', 'crear-enlace')
}
$Dicho = @{
    'crear-destino' = 'crear la carpeta de destino'
    'probar-destino' = 'probar que el destino se puede escribir'
    'quitar-enlace' = 'quitar el enlace anterior (no toca su contenido)'
    'quitar-vacia' = 'quitar la carpeta vacía'
    'apartar' = 'apartar los datos con el nombre .bak-<hora>'
    'crear-enlace' = 'crear el enlace'
    'comprobar' = 'comprobar escribiendo por el enlace'
    'marcar' = 'dejar el centinela en el destino'
}
$Avisos = @{
    'nada' = ''
    'proyecto en OneDrive' = 'el proyecto está dentro de OneDrive, y un enlace ahí detiene la sincronización: mueva el proyecto a otra carpeta, por ejemplo C:\Lindero'
    'bajo otro enlace' = 'una carpeta de más arriba es un enlace o un archivo: quítelo, y deje una carpeta común'
    'fuera de OneDrive' = 'el destino no está dentro de OneDrive: elija otro, o diga dónde está OneDrive con setup_symlinks.py --onedrive'
    'unidad de red' = 'el destino está en una unidad de red: OneDrive es una carpeta local'
    'OneDrive no está' = 'la carpeta de OneDrive no está en esta computadora: inicie sesión en OneDrive y espere a que aparezca'
    'destino enlace' = 'el destino, o una carpeta de más arriba, es un enlace: elija una carpeta común'
    'destino archivo' = 'el destino, o una parte de su ruta, es un archivo: elija una carpeta'
    'destino que falta' = 'el destino no existe: revise la ruta, o agregue -CreateTarget para crearlo'
    'destino ajeno' = 'el destino ya es el de otra carpeta (lo dice su .lindero-destino.json): elija otro'
    'enlace a otro destino' = 'el enlace lleva a otra carpeta: agregue -Relink para cambiarlo'
    'carpeta con datos' = 'hay una carpeta con datos: agregue -Migrate para apartarla con el nombre .bak-<hora> (no se copia a OneDrive)'
    'archivo en el lugar' = 'hay un archivo con ese nombre: muévalo a otro lado'
}

# --- mirar: se pregunta a .NET, que toma una ruta como es, con corchetes, $ y todo ------------
function Get-Tipo([string] $Ruta) {
    # Un enlace cuenta por lo que es, lleve adonde lleve. Una carpeta de OneDrive también es un
    # punto de reanálisis, pero no un enlace: es 'nube'.
    try { $atributos = [int] [IO.File]::GetAttributes($Ruta) }
    catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] { return 'nada' }
    if (($atributos -band 16) -eq 0) { return 'archivo' }
    if (($atributos -band 1024) -eq 0) { return 'carpeta' }
    $cosa = New-Object IO.DirectoryInfo($Ruta)
    if ($cosa.LinkType -in 'Junction', 'SymbolicLink') { return 'enlace' }
    return 'nube'
}

function Get-DestinoActual([string] $Ruta) {
    $cosa = New-Object IO.DirectoryInfo($Ruta)
    $actual = [string] (@($cosa.Target) | Select-Object -First 1)
    if ($actual -eq '') { return '' }
    $actual = $actual -replace '^\\[\\?]\?\\UNC\\', '\\' -replace '^\\[\\?]\?\\', ''
    $actual = [IO.Path]::Combine([IO.Path]::GetDirectoryName($Ruta), $actual)
    return [IO.Path]::GetFullPath($actual).TrimEnd('\')
}

function Test-MismaRuta([string] $Una, [string] $Otra) {
    return [string]::Equals($Una, $Otra, [StringComparison]::OrdinalIgnoreCase)
}

function Test-Debajo([string] $Ruta, [string] $Raiz) {
    return $Ruta.StartsWith($Raiz + '\', [StringComparison]::OrdinalIgnoreCase)
}

function Get-Tipos([string] $Ruta, [string] $Raiz) {
    # Qué es la ruta, y qué cada carpeta de más arriba, hasta la raíz sin ella.
    while ($Ruta.Length -gt $Raiz.Length) {
        Get-Tipo $Ruta
        $Ruta = [IO.Path]::GetDirectoryName($Ruta)
    }
}

function Get-CarpetaCentinela([string] $Archivo) {
    # De qué carpeta dice ser el destino; '' si no lo dice o no se entiende.
    try {
        $texto = [IO.File]::ReadAllText($Archivo, $Utf8)
        return [string] (ConvertFrom-Json -InputObject $texto).carpeta
    }
    catch { return '' }
}

function Get-Estado([string] $Enlace, [string] $Destino) {
    $tipo = Get-Tipo $Enlace
    if ($tipo -eq 'nada') { return 'falta' }
    if ($tipo -in 'archivo', 'nube') { return 'archivo en el lugar' }
    if ($tipo -eq 'carpeta') {
        if ([IO.Directory]::GetFileSystemEntries($Enlace).Length -eq 0) { return 'carpeta vacía' }
        return 'carpeta con datos'
    }
    if (Test-MismaRuta (Get-DestinoActual $Enlace) $Destino) { return 'enlace correcto' }
    return 'enlace a otro destino'
}

# --- decidir ----------------------------------------------------------------------------------
function Get-Impedimento($Caso) {
    # Por qué no se puede todavía, como lo dice $Avisos: primero el lugar, el destino, el enlace.
    if ($Raices | Where-Object { Test-Debajo $Caso.Enlace $_ }) { return 'proyecto en OneDrive' }
    $arriba = @(Get-Tipos ([IO.Path]::GetDirectoryName($Caso.Enlace)) $Proyecto)
    if ($arriba | Where-Object { $_ -notin 'nada', 'carpeta' }) { return 'bajo otro enlace' }
    $suyas = @($Raices | Where-Object { Test-Debajo $Caso.Destino $_ })
    if ($suyas.Count -eq 0) { return 'fuera de OneDrive' }
    $unidad = New-Object IO.DriveInfo([IO.Path]::GetPathRoot($Caso.Destino))
    if ($unidad.DriveType -eq [IO.DriveType]::Network) { return 'unidad de red' }
    if ((Get-Tipo $suyas[0]) -eq 'nada') { return 'OneDrive no está' }
    $tipos = @(Get-Tipos $Caso.Destino $suyas[0])
    if ($tipos -contains 'enlace') { return 'destino enlace' }
    if ($tipos -contains 'archivo') { return 'destino archivo' }
    if (($tipos[0] -eq 'nada') -and (-not $CreateTarget)) { return 'destino que falta' }
    $carpeta = Get-CarpetaCentinela $Caso.Centinela
    if ($carpeta -notin '', $Caso.Carpeta) { return 'destino ajeno' }
    if (($Caso.Estado -eq 'enlace a otro destino') -and (-not $Relink)) { return $Caso.Estado }
    if (($Caso.Estado -eq 'carpeta con datos') -and (-not $Migrate)) { return $Caso.Estado }
    if ($Caso.Estado -eq 'archivo en el lugar') { return $Caso.Estado }
    return 'nada'
}

function Get-Caso($Dado) {
    $caso = [pscustomobject] @{
        Carpeta = $Dado.Carpeta
        Enlace = [IO.Path]::Combine($Proyecto, $Dado.Enlace)
        Destino = $Dado.Destino
        Centinela = $Dado.Centinela
        Nota = [IO.Path]::Combine($Proyecto, $Dado.Nota)
        Texto = $Dado.Texto + "`n"
        Estado = ''; Detenido = ''; Acciones = @(); Plan = ''
    }
    $caso.Estado = Get-Estado $caso.Enlace $caso.Destino
    $caso.Detenido = $Avisos[(Get-Impedimento $caso)]
    if ($caso.Detenido -ne '') {
        $caso.Plan = 'DETENIDO: ' + $caso.Detenido
        return $caso
    }
    if ((Get-Tipo $caso.Destino) -eq 'nada') { $caso.Acciones += 'crear-destino' }
    $caso.Acciones += @('probar-destino') + $Cambios[$caso.Estado] + @('comprobar', 'marcar')
    $caso.Plan = @($caso.Acciones | ForEach-Object { $Dicho[$_] }) -join '; '
    return $caso
}

# --- anotar -----------------------------------------------------------------------------------
function Add-Diario([string] $Accion, [string] $Enlace, [string] $Destino, [string] $Tipo) {
    # Se anota antes de hacer: lo que se cortó en el medio también se puede deshacer. El salto va
    # adelante, así una línea cortada no arruina la que sigue.
    $script:Paso += 1
    $entrada = [ordered] @{
        corrida = $Corrida; clave = $Corrida + '/' + $Paso
        accion = $Accion; enlace = $Enlace; destino = $Destino; tipo = $Tipo
    }
    $linea = "`r`n" + (ConvertTo-Json -InputObject $entrada -Compress)
    [IO.File]::AppendAllText($Diario, $linea, $Utf8)
    return [pscustomobject] $entrada
}

function Read-Diario {
    # Lo hecho y no deshecho todavía, en su orden.
    $pendientes = [ordered] @{}
    if (-not [IO.File]::Exists($Diario)) { return }
    foreach ($linea in [IO.File]::ReadAllLines($Diario, $Utf8)) {
        if ($linea.Trim() -eq '') { continue }
        try { $entrada = ConvertFrom-Json -InputObject $linea }
        catch {
            Write-Warning 'Una línea de symlink_journal.jsonl no se entiende y se saltea.'
            continue
        }
        if ($entrada.accion -eq 'deshecho') { $pendientes.Remove([string] $entrada.enlace) }
        else { $pendientes[[string] $entrada.clave] = $entrada }
    }
    $pendientes.Values
}

# --- hacer ------------------------------------------------------------------------------------
function Test-Escritura([string] $Por, [string] $En) {
    $nombre = '.lindero-prueba-' + [Guid]::NewGuid().ToString('N') + '.tmp'
    $escrito = [IO.Path]::Combine($Por, $nombre)
    $leido = [IO.Path]::Combine($En, $nombre)
    try {
        [IO.File]::WriteAllText($escrito, $nombre, $Utf8)
        if (-not [IO.File]::Exists($leido)) {
            throw ('lo escrito en {0} no aparece en {1}' -f $Por, $En)
        }
        if ([IO.File]::ReadAllText($leido, $Utf8) -cne $nombre) {
            throw ('lo escrito en {0} no es lo que hay en {1}' -f $Por, $En)
        }
    }
    finally {
        if ([IO.File]::Exists($escrito)) { [IO.File]::Delete($escrito) }
    }
}

function New-Enlace([string] $Enlace, [string] $Destino, [string] $Tipo) {
    # mklink recibe las rutas en variables de su propio proceso: cmd las lee una sola vez.
    [void] [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($Enlace))
    $clase = @{ 'Junction' = '/J'; 'SymbolicLink' = '/D' }[$Tipo]
    $orden = 'mklink ' + $clase + ' "%LINDERO_ENLACE%" "%LINDERO_DESTINO%"'
    $inicio = New-Object Diagnostics.ProcessStartInfo -Property @{
        FileName = [IO.Path]::Combine([Environment]::SystemDirectory, 'cmd.exe')
        WorkingDirectory = [Environment]::SystemDirectory
        Arguments = '/d /v:off /s /c "' + $orden + '"'
        UseShellExecute = $false; CreateNoWindow = $true
        RedirectStandardOutput = $true; RedirectStandardError = $true
    }
    $inicio.EnvironmentVariables['LINDERO_ENLACE'] = $Enlace
    $inicio.EnvironmentVariables['LINDERO_DESTINO'] = $Destino
    $proceso = [Diagnostics.Process]::Start($inicio)
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
        if ((Get-Tipo $Enlace) -eq 'enlace') { Remove-Enlace $Enlace }
        throw ('el enlace creado no lleva a {0}' -f $Destino)
    }
}

function Remove-Enlace([string] $Ruta) {
    # Quita el enlace y nada más: el contenido del destino no se toca.
    if ((Get-Tipo $Ruta) -ne 'enlace') { throw ('{0} ya no es un enlace; no se toca' -f $Ruta) }
    [IO.Directory]::Delete($Ruta, $false)
}

function Invoke-Accion([string] $Accion, $Caso) {
    # Devuelve lo que anotó, para poder deshacerlo.
    $enlace = $Caso.Enlace
    switch ($Accion) {
        'crear-destino' {
            Add-Diario $Accion $enlace $Caso.Destino ''
            [void] [IO.Directory]::CreateDirectory($Caso.Destino)
        }
        'probar-destino' { Test-Escritura $Caso.Destino $Caso.Destino }
        'quitar-enlace' {
            $cosa = New-Object IO.DirectoryInfo($enlace)
            Add-Diario $Accion $enlace (Get-DestinoActual $enlace) $cosa.LinkType
            Remove-Enlace $enlace
        }
        'quitar-vacia' {
            Add-Diario $Accion $enlace '' ''
            [IO.Directory]::Delete($enlace, $false)
        }
        'apartar' {
            $apartada = $enlace + '.bak-' + $Hora
            if ((Get-Tipo $apartada) -ne 'nada') { throw ('ya existe {0}' -f $apartada) }
            Add-Diario $Accion $enlace $apartada ''
            [IO.Directory]::Move($enlace, $apartada)
        }
        'crear-enlace' {
            $tipo = 'Junction'
            if ($Symbolic) { $tipo = 'SymbolicLink' }
            if ((Get-Tipo $enlace) -ne 'nada') { throw ('ya hay algo en {0}' -f $enlace) }
            Add-Diario $Accion $enlace $Caso.Destino $tipo
            New-Enlace $enlace $Caso.Destino $tipo
        }
        'comprobar' { Test-Escritura $enlace $Caso.Destino }
        'marcar' {
            if (-not [IO.File]::Exists($Caso.Centinela)) {
                [IO.File]::WriteAllText($Caso.Centinela, $Caso.Texto, $Utf8)
            }
            if ([IO.File]::Exists($Caso.Nota)) { return }
            Add-Diario $Accion $Caso.Nota $Caso.Centinela ''
            [void] [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($Caso.Nota))
            [IO.File]::WriteAllText($Caso.Nota, $Caso.Texto, $Utf8)
        }
    }
}

function Restore-Paso($Entrada) {
    # Deshace un paso, si lo que hay es lo que el paso dejó; si no, lo dice y no toca nada.
    $enlace = [string] $Entrada.enlace
    $destino = [string] $Entrada.destino
    $libre = ((Get-Tipo $enlace) -eq 'nada')
    switch ([string] $Entrada.accion) {
        'crear-destino' { return }
        'quitar-enlace' { if ($libre) { New-Enlace $enlace $destino ([string] $Entrada.tipo) } }
        'quitar-vacia' { if ($libre) { [void] [IO.Directory]::CreateDirectory($enlace) } }
        'apartar' {
            if (-not [IO.Directory]::Exists($destino)) {
                if ($libre) { throw ('no está {0}, donde se apartaron los datos' -f $destino) }
                return
            }
            if (-not $libre) {
                throw ('{0} está ocupado; los datos siguen en {1}' -f $enlace, $destino)
            }
            [IO.Directory]::Move($destino, $enlace)
        }
        'crear-enlace' {
            if ($libre) { return }
            if (-not (Test-MismaRuta (Get-DestinoActual $enlace) $destino)) {
                throw ('{0} ya no es el enlace que se creó; no se toca' -f $enlace)
            }
            Remove-Enlace $enlace
        }
        'marcar' { if ([IO.File]::Exists($enlace)) { [IO.File]::Delete($enlace) } }
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
    $hechos = New-Object Collections.ArrayList
    try {
        foreach ($accion in $Caso.Acciones) {
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
function Start-Enlaces {
    $casos = @($Enlaces | ForEach-Object { Get-Caso $_ })
    $columnas = @('Enlace', 'Destino', 'Estado', 'Plan')
    Write-Host ($casos | Format-Table -Property $columnas -Wrap | Out-String)
    $codigo = 0
    foreach ($caso in $casos) {
        if ($caso.Detenido -ne '') {
            $codigo = [Math]::Max($codigo, 1)
            Write-Host ('{0}: sin hacer. {1}' -f $caso.Carpeta, $caso.Detenido)
            continue
        }
        if (-not $PSCmdlet.ShouldProcess($caso.Enlace, $caso.Plan)) { continue }
        $motivo = Invoke-Caso $caso
        if ($motivo -eq '') { Write-Host ('{0}: bien.' -f $caso.Carpeta) }
        else {
            $codigo = 5
            Write-Host ('{0}: FALLÓ. {1}' -f $caso.Carpeta, $motivo)
        }
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
    $columnas = @('accion', 'enlace', 'destino')
    Write-Host ($pasos | Format-Table -Property $columnas -Wrap | Out-String)
    if (-not $PSCmdlet.ShouldProcess($Proyecto, 'deshacer la corrida ' + $ultima)) { return 0 }
    $resto = @(Undo-Pasos $pasos)
    if ($resto.Count -eq 0) {
        Write-Host 'Deshecho. Los destinos en OneDrive y sus archivos quedan como están.'
        return 0
    }
    Write-Host ('No se deshizo todo: {0}' -f ($resto -join '; '))
    return 5
}

$mal = ''
$sistema = [Environment]::OSVersion.Platform
if ($sistema -ne [PlatformID]::Win32NT) { $mal = 'Este script es para Windows.' }
elseif (-not $PSScriptRoot) {
    $mal = 'Corra el archivo: powershell -ExecutionPolicy Bypass -File .\create_symlinks.ps1'
}
elseif ($Undo -and ($Symbolic -or $Migrate -or $Relink -or $CreateTarget)) {
    $mal = '-Undo va solo, o con -WhatIf.'
}
if ($mal -ne '') {
    Write-Host $mal
    exit 2
}
$Hora = [DateTime]::Now.ToString('yyyyMMdd-HHmmss', [Globalization.CultureInfo]::InvariantCulture)
$Corrida = $Hora + '-' + [Guid]::NewGuid().ToString('N').Substring(0, 8)
$Paso = 0
$Utf8 = New-Object Text.UTF8Encoding($false)
$Proyecto = [IO.Path]::GetFullPath($PSScriptRoot)
$Diario = [IO.Path]::Combine($Proyecto, 'symlink_journal.jsonl')
$deEntorno = @($env:OneDriveCommercial, $env:OneDrive, $env:OneDriveConsumer)
$Raices = @($RaicesDichas + $deEntorno | Where-Object { $_ } | ForEach-Object {
    [IO.Path]::GetFullPath($_).TrimEnd('\')
})
try {
    if ($Undo) { exit (Start-Deshacer) }
    exit (Start-Enlaces)
}
catch {
    Write-Host ('No se pudo seguir: {0}' -f $_.Exception.GetBaseException().Message)
    exit 5
}
