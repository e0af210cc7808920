#!/bin/sh
# Runs Copilot Bridge as a launchd service: install.sh [--daemon] [--uninstall] [--dry-run]
#
# Without --daemon: an agent, which runs while you are logged in.  With it (sudo): a daemon, which runs from
# the start of the machine on, as you.  The program is the copilot-bridge in your PATH, or $PROGRAM.
# The login and the settings stay when the service is uninstalled.

set -eu

LABEL=io.github.copilot-bridge
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
DRY=
DAEMON=
UNINSTALL=
for argument; do
    case $argument in
    --daemon) DAEMON=1 ;;
    --uninstall) UNINSTALL=1 ;;
    --dry-run) DRY=1 ;;
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit ;;
    *) echo "install.sh: unknown argument $argument (see --help)" >&2; exit 1 ;;
    esac
done

run() {
    if [ -n "$DRY" ]; then echo "+ $*"; else "$@"; fi
}

if [ -n "$DAEMON" ]; then
    user=${SUDO_USER:-$(id -un)}
    home=$(eval echo "~$user")
    domain=system
    folder=/Library/LaunchDaemons
    template=$HERE/$LABEL.daemon.plist
    [ -n "$DRY" ] || [ "$(id -u)" -eq 0 ] || { echo "install.sh: --daemon needs sudo" >&2; exit 1; }
else
    user=$(id -un)
    home=$HOME
    domain=gui/$(id -u)
    folder=$home/Library/LaunchAgents
    template=$HERE/$LABEL.agent.plist
fi
file=$folder/$LABEL.plist

# A service that runs is ended first; one that does not is no error.
if [ -n "$DRY" ]; then
    run launchctl bootout "$domain/$LABEL"
else
    launchctl bootout "$domain/$LABEL" 2>/dev/null || true
fi
# bootout comes back before launchd has forgotten the service, and bootstrap fails until it has.
if [ -z "$DRY" ]; then
    tries=60
    while [ "$tries" -gt 0 ] && launchctl print "$domain/$LABEL" >/dev/null 2>&1; do
        sleep 1
        tries=$((tries - 1))
    done
fi
if [ -n "$UNINSTALL" ]; then
    run rm -f "$file"
    exit
fi

program=${PROGRAM:-$(command -v copilot-bridge || true)}
[ -n "$program" ] || { echo "install.sh: no copilot-bridge in PATH: pipx install it first" >&2; exit 1; }

settings=$home/.config/copilot-bridge/env
run mkdir -p "$folder" "$home/Library/Logs" "$(dirname -- "$settings")"
# The user's own: never written over.
if [ -n "$DRY" ]; then
    echo "+ write $settings, if there is none"
elif [ ! -e "$settings" ]; then
    (umask 077 && echo "# Settings of the service, as NAME=value, named as in docs/settings.md" >"$settings")
    [ -z "$DAEMON" ] || chown -R "$user" "$(dirname -- "$settings")"
fi
if [ -n "$DRY" ]; then
    echo "+ write $file ($program start, as $user)"
else
    sed -e "s#/opt/copilot-bridge/bin/copilot-bridge#$program#g" \
        -e "s#/Users/you#$home#g" -e "s#<string>you</string>#<string>$user</string>#" "$template" >"$file"
    chmod 644 "$file"
fi
run launchctl enable "$domain/$LABEL"
if [ -n "$DRY" ]; then
    run launchctl bootstrap "$domain" "$file"
else
    tries=10
    until launchctl bootstrap "$domain" "$file"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "install.sh: launchd does not take $file" >&2; exit 1; }
        sleep 1
    done
fi
echo "Settings: $settings"
echo "Log: $home/Library/Logs/copilot-bridge.log (rotated by the bridge itself)"
