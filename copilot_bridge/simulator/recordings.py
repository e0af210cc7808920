"""Recorded responses, replayed byte for byte."""

import re
from functools import cache
from importlib.resources import files

from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused

NAME = re.compile(r"^[a-z0-9-]+$")


@cache
def read_recording(name: str, stream: bool) -> list[bytes]:
    """The events of `scenarios/NAME.sse`, or the one body of `scenarios/NAME.json`.

    :raise Refused: no such recording.
    """
    path = files(__package__).joinpath(f"scenarios/{name}.{'sse' if stream else 'json'}")
    if not NAME.match(name) or not path.is_file():
        raise Refused(misuse(f"no {'streamed' if stream else 'whole'} scenario {name!r}"))
    recorded = path.read_bytes()
    return re.findall(rb".*?\n\n|.+\Z", recorded, re.DOTALL) if stream else [recorded]
