#!/bin/sh
# Brings the release that this folder holds into service: upgrade.sh [--dry-run] [--rollback]
#
# Builds it beside the one that runs, and reloads: no request is refused and no stream is broken.  If the
# new release does not start, the old one goes on.  --rollback goes back to the release before this one.

set -eu
# shellcheck source=systemd/common.sh
. "$(dirname -- "$0")/common.sh"

ROLLBACK=
for argument; do
    case $argument in
    --dry-run) DRY=1 ;;
    --rollback) ROLLBACK=1 ;;
    -h | --help) usage; exit ;;
    *) fail "unknown argument $argument (see --help)" ;;
    esac
done
need_root

old=$(current_release)
[ -n "$old" ] || fail "nothing is installed in $OPT: run install.sh"

if [ -n "$ROLLBACK" ]; then
    before=$(readlink "$OPT/previous" 2>/dev/null || true)
    [ -n "$before" ] || fail "there is no release to go back to"
    [ -d "$OPT/$before" ] || fail "the release to go back to is gone"
    release=$OPT/$before
else
    release=$(new_release)
    build_release "$release"
    install_units
fi
switch_to "$release"

# Running: the new one takes over without a gap.  Not running: the next start is the new one.
if [ -z "$DESTDIR" ] && systemctl --quiet is-active "$NAME.service"; then
    if ! system systemctl reload "$NAME.service"; then
        switch_to "$OPT/$old"
        fail "the new release does not start (journalctl -u $NAME says why); the old one goes on"
    fi
fi

run ln -sfn "$old" "$OPT/previous"
# Old workers may still run from the release before; those that are older nobody needs.
for each in "$OPT"/releases/*; do
    case $each in
    "$release" | "$OPT/$old" | "$OPT/releases/*") ;;
    *) run rm -rf "$each" ;;
    esac
done
say "In service: $(basename "$release"); before: $(basename "$old")"
