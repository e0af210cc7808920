# What install.sh, upgrade.sh and uninstall.sh share; sourced by them.
# shellcheck shell=sh disable=SC2034
# Paths below $DESTDIR, if set; then nothing outside of it is touched: no user, no systemctl.

DESTDIR=${DESTDIR:-}
SOURCE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
NAME=copilot-bridge
OPT=$DESTDIR/opt/$NAME
ETC=$DESTDIR/etc/$NAME
STATE=$DESTDIR/var/lib/$NAME
UNITS=$DESTDIR/etc/systemd/system
DRY=

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; exit 1; }

# Does it, or with --dry-run says what would be done.
run() {
    if [ -n "$DRY" ]; then say "+ $*"; else "$@"; fi
}

# What belongs to the system as a whole.
system() {
    if [ -z "$DESTDIR" ]; then run "$@"; fi
}

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

need_root() {
    [ -n "$DESTDIR" ] || [ -n "$DRY" ] || [ "$(id -u)" -eq 0 ] || fail "run it as root (sudo $0)"
}

find_python() {
    for each in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$each"
            return
        fi
    done
    fail "Python 3.11 or newer with venv is needed (apt-get install python3-venv); PYTHON=... names one"
}

# A release is a venv of its own, so that the one that runs stays whole.  Prints its folder.
new_release() {
    number=1
    while [ -e "$OPT/releases/$number" ]; do number=$((number + 1)); done
    printf '%s\n' "$OPT/releases/$number"
}

# $1: its folder.
build_release() {
    python=$(find_python)
    run mkdir -p "$OPT/releases"
    run "$python" -m venv "$1"
    if [ -n "$DRY" ]; then
        say "+ $1/bin/python -m pip install (requirements.txt, then $SOURCE)"
        return
    fi
    # pip leaves traces in the folder that it builds in.
    copy=$(mktemp -d)
    cp -R "$SOURCE/copilot_bridge" "$SOURCE/setup.cfg" "$SOURCE/pyproject.toml" "$SOURCE/README.md" \
        "$SOURCE/LICENSE" "$SOURCE/requirements.txt" "$copy"
    if "$1/bin/python" -m pip --disable-pip-version-check --quiet install -r "$copy/requirements.txt" &&
        "$1/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps "$copy" &&
        "$1/bin/python" -P -m copilot_bridge.http.pages &&
        "$1/bin/copilot-bridge" --version; then
        rm -rf "$copy"
    else
        rm -rf "$copy" "$1"
        fail "the new release could not be built; nothing has changed"
    fi
}

# $1: a release's folder.  A link is replaced in one step: whoever starts finds the old or the new one.
switch_to() {
    run ln -sfn "releases/$(basename "$1")" "$OPT/next"
    run mv -fT "$OPT/next" "$OPT/current"
}

current_release() { readlink "$OPT/current" 2>/dev/null || true; }

install_units() {
    run mkdir -p "$UNITS"
    for unit in "$NAME.service" "$NAME.socket"; do
        run install -m 644 "$SOURCE/systemd/$unit" "$UNITS/$unit"
    done
    system systemctl daemon-reload
}
