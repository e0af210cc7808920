<#
.SYNOPSIS
Runs Copilot Bridge as a scheduled task: it starts when you log in, and again after a crash.

.DESCRIPTION
copilot-bridge-service.ps1 enable|disable|start|stop|restart|status

Needs no administrator.  The program is the copilot-bridge of your PATH, or -Python names the pythonw.exe of
the environment that it is installed in.  `copilot-bridge auth` logs in, once, before `enable`.
The login and the log stay when the service is disabled.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File windows\copilot-bridge-service.ps1 enable
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)]
    [ValidateSet('enable', 'disable', 'start', 'stop', 'restart', 'status')]
    [string] $Verb,

    [string] $Python
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$TaskName = 'Copilot Bridge'
$Folder = Join-Path $env:LOCALAPPDATA 'copilot-bridge'
$Log = Join-Path $Folder 'copilot-bridge.log'
$Url = 'http://127.0.0.1:4141/healthz'

function Find-Python {
    # pythonw has no window; it lies beside python in an environment, and beside its Scripts folder.
    if ($Python) { return $Python }
    $Command = Get-Command -Name 'copilot-bridge' -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1
    if (-not $Command) { throw 'There is no copilot-bridge in PATH: install it (pipx install .), or give -Python.' }
    $Scripts = Split-Path -Parent $Command.Source
    foreach ($Place in @($Scripts, (Split-Path -Parent $Scripts))) {
        $Found = Join-Path $Place 'pythonw.exe'
        if (Test-Path -LiteralPath $Found) { return $Found }
    }
    throw "There is no pythonw.exe beside $($Command.Source): give -Python."
}

function Enable-Bridge {
    $Program = Find-Python
    New-Item -ItemType Directory -Force -Path $Folder | Out-Null
    $Action = New-ScheduledTaskAction -Execute $Program -WorkingDirectory $Folder `
        -Argument "-m copilot_bridge start --log-file `"$Log`""
    $Trigger = New-ScheduledTaskTrigger -AtLogOn -User "$env:USERDOMAIN\$env:USERNAME"
    # No end after three days, as is usual for tasks; again after a failure; on batteries too.
    $Settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
        -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
        -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -StartWhenAvailable
    Register-ScheduledTask -TaskName $TaskName -Action $Action -Trigger $Trigger -Settings $Settings -Force |
        Out-Null
    Start-Bridge
}

function Disable-Bridge {
    if (-not (Get-Bridge)) { return }
    Stop-Bridge
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
}

function Get-Bridge { Get-ScheduledTask -TaskName $TaskName -ErrorAction SilentlyContinue }

function Start-Bridge { Start-ScheduledTask -TaskName $TaskName }

function Stop-Bridge { Stop-ScheduledTask -TaskName $TaskName }

function Show-Bridge {
    $Task = Get-Bridge
    if (-not $Task) { return "$TaskName is not enabled." }
    $Info = $Task | Get-ScheduledTaskInfo
    $Answer = try { (Invoke-WebRequest -Uri $Url -UseBasicParsing -TimeoutSec 5).StatusCode } catch { 'none' }
    "Task:    $($Task.State) (last start $($Info.LastRunTime), result $($Info.LastTaskResult))"
    "Answer:  $Answer from $Url"
    "Log:     $Log"
}

switch ($Verb) {
    'enable' { Enable-Bridge; Show-Bridge }
    'disable' { Disable-Bridge; Show-Bridge }
    'start' { Start-Bridge; Show-Bridge }
    'stop' { Stop-Bridge; Show-Bridge }
    'restart' { Stop-Bridge; Start-Bridge; Show-Bridge }
    'status' { Show-Bridge }
}
