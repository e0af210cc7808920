"""What is asked of each target, and what is read off.

Every scenario starts its targets afresh, warms them up, and asks them in turn, so that a slow minute of
the machine hits all of them.  CPU is user + system time of a target's whole process tree.
"""

from collections.abc import Callable

from bench.arena import Arena
from bench.report import Row
from bench.scenarios.agent import agent
from bench.scenarios.crowds import arrivals, burst, many, paced, paced_shapes, paced_translated
from bench.scenarios.departures import departures
from bench.scenarios.guarded import guarded
from bench.scenarios.leak import leak
from bench.scenarios.path import path
from bench.scenarios.secure import tls
from bench.scenarios.single import embeddings, large, long, models, small
from bench.scenarios.sockets import sockets
from bench.scenarios.startup import start
from bench.scenarios.streams import flood
from bench.scenarios.translated import translated

SCENARIOS: dict[str, Callable[[Arena], list[Row]]] = {
    "start": start,
    "small": small,
    "guarded": guarded,
    "flood": flood,
    "translated": translated,
    "paced": paced,
    "paced-translated": paced_translated,
    "paced-shapes": paced_shapes,
    "many": many,
    "burst": burst,
    "arrivals": arrivals,
    "large": large,
    "long": long,
    "embeddings": embeddings,
    "models": models,
    "departures": departures,
    "tls": tls,
    "path": path,
    "agent": agent,
    "sockets": sockets,
    "leak": leak,
}
