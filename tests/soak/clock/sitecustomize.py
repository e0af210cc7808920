"""A clock that a test can set: time.time() runs ahead by the seconds in the file SOAK_CLOCK names.

Python runs this module at its start, before any of the program's own is imported.
"""

import mmap
import os
import struct
import time

_real = time.time


def _set_up() -> None:
    path = os.environ.get("SOAK_CLOCK")
    if not path:
        return
    with open(path, "rb") as file:  # noqa: PTH123 - as few imports as can be
        memory = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    time.time = lambda: _real() + struct.unpack_from("=d", memory)[0]


_set_up()
