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
$Settings = Join-Path $Folder 'env'

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
    # The user's own: never written over.
    if (-not (Test-Path -LiteralPath $Settings)) {
        '# Settings of the service, as NAME=value, named as in docs/settings.md; then: restart' |
            Set-Content -LiteralPath $Settings -Encoding ascii
    }
    $Action = New-ScheduledTaskAction -Execute $Program -WorkingDirectory $Folder `
        -Argument "-m copilot_bridge start --log-file `"$Log`" --env-file `"$Settings`""
    $Trigger = New-ScheduledTaskTrigger -AtLogOn -User "$env:USERDOMAIN\$env:USERNAME"
    # A task is restarted if it could not be started; a program that ends with an error has been started.  So
    # the trigger tries each minute (PT1M), which is ignored while it runs.
    $Trigger.Repetition = (New-ScheduledTaskTrigger -Once -At (Get-Date) `
            -RepetitionInterval (New-TimeSpan -Minutes 1)).Repetition
    # No end after three days, as is usual for tasks; on batteries too.
    $Rules = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
        -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
        -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -StartWhenAvailable
    Register-ScheduledTask -TaskName $TaskName -Action $Action -Trigger $Trigger -Settings $Rules -Force |
        Out-Null
    Start-Bridge
}

function Disable-Bridge {
    if (-not (Get-Bridge)) { return }
    Stop-Bridge
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
}

function Get-Bridge { Get-ScheduledTask -TaskName $TaskName -ErrorAction SilentlyContinue }

# A disabled task is not started again by its trigger: that is how one that was stopped stays so.
function Start-Bridge {
    Enable-ScheduledTask -TaskName $TaskName | Out-Null
    Start-ScheduledTask -TaskName $TaskName
}

function Stop-Bridge {
    Disable-ScheduledTask -TaskName $TaskName | Out-Null
    Stop-ScheduledTask -TaskName $TaskName
}

function Get-Url {
    # As the program finds it: in its file of settings, or in the environment.
    $Given = if (Test-Path -LiteralPath $Settings) {
        Select-String -LiteralPath $Settings -Pattern '^\s*(?:COPILOT_BRIDGE_)?PORT\s*=\s*["'']?(\d+)' |
            Select-Object -Last 1 | ForEach-Object { $_.Matches[0].Groups[1].Value }
    }
    $Port = if ($Given) { $Given } elseif ($env:COPILOT_BRIDGE_PORT) { $env:COPILOT_BRIDGE_PORT } else { 4141 }
    "http://127.0.0.1:$Port/healthz"
}

function Show-Bridge {
    $Task = Get-Bridge
    if (-not $Task) { return "$TaskName is not enabled." }
    $Info = $Task | Get-ScheduledTaskInfo
    $Url = Get-Url
    $Answer = try { (Invoke-WebRequest -Uri $Url -UseBasicParsing -TimeoutSec 5).StatusCode } catch { 'none' }
    "Task:    $($Task.State) (last start $($Info.LastRunTime), result $($Info.LastTaskResult))"
    "Answer:  $Answer from $Url"
    "Log:     $Log"
    "Settings: $Settings"
}

switch ($Verb) {
    'enable' { Enable-Bridge; Show-Bridge }
    'disable' { Disable-Bridge; Show-Bridge }
    'start' { Start-Bridge; Show-Bridge }
    'stop' { Stop-Bridge; Show-Bridge }
    'restart' { Stop-Bridge; Start-Bridge; Show-Bridge }
    'status' { Show-Bridge }
}
