#!/bin/sh
# Installs Copilot Bridge as a system service: install.sh [--dry-run]
#
# The program goes to /opt/copilot-bridge, settings to /etc/copilot-bridge, the login to
# /var/lib/copilot-bridge; it runs as a user of its own.  Run it again and it repairs what is missing;
# it overwrites no settings.  --dry-run says what it would do.

set -eu
# shellcheck source=systemd/common.sh
. "$(dirname -- "$0")/common.sh"

for argument; do
    case $argument in
    --dry-run) DRY=1 ;;
    -h | --help) usage; exit ;;
    *) fail "unknown argument $argument (see --help)" ;;
    esac
done
need_root

if [ -z "$DESTDIR" ] && ! getent passwd "$NAME" >/dev/null; then
    system useradd --system --home-dir "/var/lib/$NAME" --no-create-home --shell /usr/sbin/nologin "$NAME"
fi
if [ -x "$OPT/current/bin/copilot-bridge" ]; then
    say "The program is there already; upgrade.sh brings a newer one."
else
    release=$(new_release)
    build_release "$release"
    switch_to "$release"
fi

run install -d -m 755 "$ETC"
[ -e "$ETC/env" ] || run install -m 600 "$SOURCE/systemd/copilot-bridge.env" "$ETC/env"
run install -d -m 700 "$STATE"
system chown "$NAME:$NAME" "$STATE"
install_units
system systemctl enable --now "$NAME.socket"
system systemctl enable "$NAME.service"

say ""
say "Log in once, as the service's user:"
say "  sudo -u $NAME $OPT/current/bin/copilot-bridge auth --home $STATE"
say "(or put a GitHub token into $ETC/github-token, chmod 600)"
say "Then:"
say "  systemctl start $NAME"
say "  curl http://127.0.0.1:4141/readyz"
