"""Python's garbage collector, tuned for a process that serves streams."""

import gc


def pause_garbage_collector() -> None:
    """Disable the collector during the start, a tenth of whose time it would take, and find nothing."""
    gc.disable()


def tune_garbage_collector() -> None:
    """Exclude the objects of the start from collection, and collect less often.

    It is called when the start is over.

    With a thousand streams the collector's pauses cause most of an event's delay.  The garbage of the start,
    half a megabyte, stays: a collection to find it would take longer than it saves.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
