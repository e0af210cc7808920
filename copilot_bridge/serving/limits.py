"""What the system lets a process have."""

import contextlib

# s; after the time that streams may go on, a worker tells those that are left that it ends: only then, and
# not at the same moment, may its master kill it.
LAST_MOMENTS = 3

# Two for each stream, the client's and upstream's, and room to spare.
OPEN_FILES = 65_536


def raise_open_files() -> None:
    """The usual limit of 1,024 open files ends at 500 streams; up to the hard limit it is ours to raise."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some values below its own maximum
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
