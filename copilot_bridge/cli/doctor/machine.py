"""Checks of this machine: settings, store, permissions, disk."""

import os
import shutil
import stat
from pathlib import Path

from copilot_bridge.access.authentication import weak_keys
from copilot_bridge.cli.doctor.check import CheckContext, Finding, failed, ok, warning
from copilot_bridge.config.settings import SECRETS
from copilot_bridge.store.schema import MIGRATIONS


def configuration(context: CheckContext) -> Finding:
    """Check who can read files with secrets; malformed settings have been reported before."""
    given = {name: source_of(origin) for name, origin in context.config.origins.items()}
    for name in (secret.name for secret in SECRETS if secret.name in given):
        path = Path(given[name])
        if path.is_file() and readable_by_others(path):
            return warning(f"others can read {path}, and it holds {name}", f"chmod 600 {path.absolute()}")
    if lost := context.bridge.authenticator.problem:
        return warning(lost, "copilot-bridge keys add NAME, or copilot-bridge keys clear")
    if weak := weak_keys(context.config):
        return warning(weak[0], "replace it where it is set, and in your clients")
    return ok(
        f"{len(given)} settings, from {', '.join(sorted(set(given.values())))}" if given else "by default"
    )


def source_of(origin: str) -> str:
    """`environment: COPILOT_BRIDGE_PORT` -> `environment`; likewise for a file."""
    return origin.rpartition(": ")[0] or origin


def readable_by_others(path: Path) -> bool:
    return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def store(context: CheckContext) -> Finding:
    database = context.bridge.store.database
    if not context.config.persist:
        return ok("in memory only (--no-persist)")
    if problem := database.check():
        return failed(
            problem, f"copilot-bridge doctor --no-persist, to see the rest; look at {database.location}"
        )
    encryptor = context.bridge.store.encryptor
    if encryptor.decrypt(encryptor.encrypt("x")) != "x":
        return failed(
            f"the key {encryptor.location} can't encrypt", "copilot-bridge auth, after moving it away"
        )
    done = {
        str(name)
        for (name,) in database.run(lambda transaction: transaction.rows("SELECT name FROM migrations"))
    }
    if newer := sorted(done - {name for name, _ in MIGRATIONS}):
        return warning(
            f"a newer version has written to it ({newer[-1]})", "pip install --upgrade copilot-bridge"
        )
    return ok(f"{database.location}, can be written to, {len(done)} migration{'s' * (len(done) != 1)}")


DISK_WARNING, DISK_FAILURE = 500 * 10**6, 50 * 10**6  # bytes


def disk(context: CheckContext) -> Finding:
    existing = next(
        folder for folder in (context.config.home, *context.config.home.parents) if folder.exists()
    )
    free = shutil.disk_usage(existing).free
    message = f"{free / 1e9:,.1f} GB free at {existing}"
    if free < DISK_WARNING:
        return (failed if free < DISK_FAILURE else warning)(
            message, f"free some space, or move the data: --home (now {existing})"
        )
    return ok(message)


def permissions(context: CheckContext) -> Finding:
    home = context.config.home
    if os.name != "posix" or not home.exists():
        return ok(f"{home} does not exist yet" if not home.exists() else "managed by Windows")
    files = [home, *home.rglob("*")]
    if foreign := [path for path in files if path.lstat().st_uid != os.geteuid()]:
        return failed(f"{foreign[0]} belongs to another user", f"sudo chown -R {os.geteuid()} {home}")
    if wide := [path for path in files if not path.is_symlink() and readable_by_others(path)]:
        return warning(f"others can read {wide[0]}", f"chmod -R go-rwx {home}")
    return ok(f"{home} is readable only by you")
