"""Processes that do not outlive the tests, even if these are killed."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

# Reads the ids of processes with the moments of their starts, which tell a process from a later one of the
# same id.  Its input ends with the process that writes it.  Who leads a group ends with the group.
GUARD = """
while read -r pid began; do all="$all $pid/$began"; done
for item in $all; do
    pid=${item%/*}
    now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)
    [ "$now" = "${item#*/}" ] || continue
    kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid"
done
"""


@cache
def guard() -> "subprocess.Popen[bytes]":
    """One for all processes of this one.  It has a session of its own, or Ctrl-C would end it first."""
    return subprocess.Popen(["sh", "-c", GUARD], stdin=subprocess.PIPE, start_new_session=True)


def spawn(command: Any, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a process as subprocess.Popen does; it is killed when this one has ended, however that was."""
    process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)
    end_with_this_process(process.pid)
    return process


def end_with_this_process(pid: int) -> None:
    """Have that process killed when this one has ended."""
    try:
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]
    except OSError:  # no Linux
        return
    pipe = guard().stdin
    assert pipe is not None
    pipe.write(f"{pid} {began}\n".encode())
    pipe.flush()
