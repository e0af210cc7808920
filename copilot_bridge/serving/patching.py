"""Changes to libraries before a process imports them."""

import sys
import warnings

DETECTORS = ("chardet", "charset_normalizer")


def skip_plugin_search() -> None:
    """Let gevent patch without looking for plugins of its own, which nobody has.

    For each of thirty events it would read the metadata of every installed package: a third of a start.
    """
    from gevent import events  # the master and the commands do without it

    events.notify_and_call_entry_points = events.notify


def skip_charset_detection() -> None:
    """Import requests without the library that guesses charsets, which takes 3 MB and 10 ms.

    It guesses where a response names no charset and somebody asks for its text; the bridge reads bytes.
    """
    hidden = [name for name in DETECTORS if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # None: an import fails
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # requests warns that it can't detect charsets
        import requests  # noqa: F401 - gevent has to patch first
    for name in hidden:
        del sys.modules[name]
