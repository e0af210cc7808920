"""The limits of a process: its open files, and the time that it has to end."""

import contextlib

# Seconds, after the time that streams may go on, in which a worker ends the remaining ones with an error
# event; only then may its master kill it.
KILL_GRACE = 3

# Two for each stream, the client's and upstream's, and a reserve.
MAX_OPEN_FILES = 65_536


def raise_open_files() -> None:
    """Raise the limit of open files: the usual 1,024 are used up by 500 streams."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some values below its own maximum
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
