"""Python's garbage collector, told what kind of process this is."""

import gc


def settle() -> None:
    """Call when start-up is over: what it made stays, so the collector need not look at it again.

    It also looks less often: with a thousand streams its pauses are most of what a late event is late by.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
