@echo off
rem Copilot Bridge in a window: sets up what it needs beside this file, once, and starts.
setlocal
cd /d "%~dp0.."
if not exist .venv\Scripts\copilot-bridge.exe (
    py -3 -m venv .venv || goto :failed
    .venv\Scripts\python tools\install.py requirements.txt "what the bridge needs; this usually takes a minute" || goto :failed
    .venv\Scripts\python -m pip install --quiet --no-deps . || goto :failed
)
.venv\Scripts\copilot-bridge.exe start %*
exit /b %errorlevel%

:failed
echo Python 3.11 or newer from python.org is needed.
pause
exit /b 1
