"""The standard streams, which some processes lack."""

import os
import sys

STREAMS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}


def ensure_standard_streams() -> None:
    """Open the null device for each standard stream that is missing, as under pythonw."""
    for number, (name, mode) in enumerate(STREAMS.items()):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, mode)
            if os.name != "nt" and handle != number:
                os.dup2(handle, number)
            setattr(sys, name, open(handle, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115, PTH123
