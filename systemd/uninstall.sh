#!/bin/sh
# Removes the system service: uninstall.sh [--dry-run] [--purge]
#
# The login (/var/lib/copilot-bridge) and the settings (/etc/copilot-bridge) stay, unless --purge is given;
# with it they and the service's user go too.

set -eu
# shellcheck source=systemd/common.sh
. "$(dirname -- "$0")/common.sh"

PURGE=
for argument; do
    case $argument in
    --dry-run) DRY=1 ;;
    --purge) PURGE=1 ;;
    -h | --help) usage; exit ;;
    *) fail "unknown argument $argument (see --help)" ;;
    esac
done
need_root

for unit in "$NAME.socket" "$NAME.service"; do
    [ ! -e "$UNITS/$unit" ] || system systemctl disable --now "$unit"
done
run rm -f "$UNITS/$NAME.service" "$UNITS/$NAME.socket"
system systemctl daemon-reload
run rm -rf "$OPT"

if [ -n "$PURGE" ]; then
    run rm -rf "$ETC" "$STATE"
    if [ -z "$DESTDIR" ] && getent passwd "$NAME" >/dev/null; then
        system userdel "$NAME"
    fi
    say "To revoke the login on GitHub too: https://github.com/settings/applications"
else
    say "The login in $STATE and the settings in $ETC are still there; --purge removes them."
fi
