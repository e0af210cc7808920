"""Patching Python's standard library for gevent."""

from gevent import events


def skip_plugin_search() -> None:
    """Let gevent patch without looking for plugins of its own, which nobody has.

    For each of thirty events it would read the metadata of every installed package: a third of a start.
    """
    events.notify_and_call_entry_points = events.notify
