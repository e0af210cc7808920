"""Changes files that belong to another program, so that each change can be reverted.

A file is replaced in one piece, by renaming; what it was before is kept beside it, and the data directory has
a note of each change: which file, where its backup is, and how we left it.
"""

import difflib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from copilot_bridge.errors import ConfigError
from copilot_bridge.private_files import written_beside
from copilot_bridge.redaction import Secret, redact
from copilot_bridge.store.files import JsonFiles

PRIVATE = 0o600
MAX_SIZE = 8 * 1024 * 1024  # bytes; settings are shorter

BACKUP = ".before-copilot-bridge"


@dataclass(frozen=True)
class Change:
    """A change of a file.  :param path: a link stays a link.  :param before: None: there was no file."""

    path: Path
    before: bytes | None
    after: bytes

    @property
    def is_empty(self) -> bool:
        return self.before == self.after

    def diff(self, key: str) -> str:
        """A unified diff without secrets; it shows the end of the bridge's own key, to identify it."""
        old, new = (shown_lines(content or b"", key) for content in (self.before, self.after))
        name = "/dev/null" if self.before is None else str(self.path)
        return "".join(difflib.unified_diff(old, new, name, str(self.path)))


def shown_lines(content: bytes, key: str) -> list[str]:
    """The lines of a diff, redacted; a placeholder is no secret and stays, unlike what `redact` would do."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    mark = "\x00"
    text = redact(text.replace(key, mark) if key else text)
    masked = Secret(key).masked() if len(key) >= 20 else "***" if key not in ("", "anything") else key
    return [
        line + ("" if line.endswith("\n") else "\n") for line in text.replace(mark, masked).splitlines(True)
    ]


def read_own(path: Path) -> bytes | None:
    """The file's content; None if there is no file.  Raises ConfigError: it can't be read, or is not text."""
    with as_config_error(path, "read"):
        try:
            if path.stat().st_size > MAX_SIZE:
                raise ConfigError(f"{path} is too large for settings: nothing was changed")
            content = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: nothing was changed") from error
    return content


@contextmanager
def as_config_error(path: Path, what: str) -> Iterator[None]:
    """Turn the system's errors into ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"can't {what} {path}: {error.strerror or error}") from error


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace the file in one piece, keeping its mode and owner; only its owner can read a new one.

    :raises ConfigError: it can't be written.
    """
    with as_config_error(path, "write"):
        target = path.resolve()  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True)
        held = target.stat() if target.exists() else None
        with written_beside(target, content) as temporary:
            if held:
                with suppress(OSError, AttributeError):  # Windows has no owners of this kind
                    os.chown(temporary, held.st_uid, held.st_gid)
            temporary.chmod(mode or (stat.S_IMODE(held.st_mode) if held else PRIVATE))
            temporary.replace(target)


@dataclass(frozen=True)
class ChangeRecord:
    """A change that was made.

    :param backup: "": there was no file.  :param left: digest of what we wrote.
    :param folders: those that were made for it, the innermost first.
    """

    path: str
    backup: str
    mode: int
    left: str
    folders: list[str]


class ChangeHistory:
    """The changes of each client that can be reverted, the latest last."""

    def __init__(self, home: Path) -> None:
        self._files = JsonFiles(home / "setup")

    def of(self, client: str) -> list[list[ChangeRecord]]:
        rows = (self._files.read(client) or {}).get("changes", [])
        return [[ChangeRecord(**note) for note in notes] for notes in rows]

    def keep(self, client: str, changes: list[list[ChangeRecord]]) -> None:
        if changes:
            self._files.write(client, {"changes": [[asdict(note) for note in notes] for notes in changes]})
        else:
            self._files.remove(client)


def write(client: str, changes: list[Change], notes: ChangeHistory) -> list[Path]:
    """Make the changes, and return the backups.

    A file that is unchanged since our last change keeps its older backup, so `undo` restores the user's text.

    :raises ConfigError: a file has changed meanwhile, or can't be written.
    """
    for change in changes:
        if read_own(change.path) != change.before:
            raise ConfigError(f"{change.path} has been changed meanwhile: nothing was written, run it again")
    done = notes.of(client)
    untouched = done and all(is_unchanged(note) for note in done[-1])
    earlier = {note.path: note for note in done[-1]} if untouched else {}
    fresh = [earlier.get(str(change.path)) or record_of(change) for change in changes]
    others = [note for path, note in earlier.items() if path not in {str(change.path) for change in changes}]
    made: list[ChangeRecord] = []
    for change, note in zip(changes, fresh, strict=True):
        made.append(ChangeRecord(**{**asdict(note), "left": digest(change.after)}))
        # The record is written first: a change without a record can't be undone.
        notes.keep(client, [*(done[:-1] if untouched else done), [*others, *made]])
        replace_file(change.path, change.after)
    return [Path(note.backup) for note in made if note.backup]


def record_of(change: Change) -> ChangeRecord:
    """The record of a change, after making the backup."""
    folders = [str(folder) for folder in change.path.parents if not folder.exists()]
    if change.before is None:
        return ChangeRecord(str(change.path), "", PRIVATE, "", folders)
    backup = unused_backup_path(change.path)
    mode = stat.S_IMODE(change.path.stat().st_mode)
    replace_file(backup, change.before, PRIVATE)
    return ChangeRecord(str(change.path), str(backup), mode, "", folders)


def unused_backup_path(path: Path) -> Path:
    names = (f"{path.name}{BACKUP}{f'-{number}' if number > 1 else ''}" for number in range(1, 1000))
    return next(found for found in (path.with_name(name) for name in names) if not found.exists())


def is_unchanged(note: ChangeRecord) -> bool:
    """Return whether the file is as it was left."""
    content = read_own(Path(note.path))
    return content is not None and digest(content) == note.left


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def undo(client: str, notes: ChangeHistory, confirm: Callable[[Path], bool]) -> list[Path]:
    """Revert the last change, and return the files.

    :param confirm: asked for each file that somebody has changed since.
    :raises ConfigError: there is nothing to undo, a backup is gone, or the answer was no.
    """
    done = notes.of(client)
    if not done:
        raise ConfigError(f"there is nothing to undo: `setup {client} --write` has changed no file")
    befores = [(note, read_backup(note)) for note in done[-1]]
    for note, _ in befores:
        if not is_unchanged(note) and not confirm(Path(note.path)):
            raise ConfigError(f"{note.path} has been changed since: nothing was undone")
    for note, before in befores:
        put_back(note, before)
    notes.keep(client, done[:-1])
    for note, _ in befores:
        if note.backup:
            Path(note.backup).unlink(missing_ok=True)
    return [Path(note.path) for note, _ in befores]


def read_backup(note: ChangeRecord) -> bytes | None:
    if not note.backup:
        return None
    content = read_own(Path(note.backup))
    if content is None:
        raise ConfigError(f"the backup {note.backup} is gone: nothing was undone")
    return content


def put_back(note: ChangeRecord, before: bytes | None) -> None:
    path = Path(note.path)
    if before is not None:
        replace_file(path, before, note.mode)
        return
    with as_config_error(path, "remove"):
        path.resolve().unlink(missing_ok=True)
    for folder in note.folders:
        with suppress(OSError):  # it is not empty any more
            Path(folder).rmdir()
