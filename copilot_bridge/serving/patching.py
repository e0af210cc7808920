"""Prepares libraries before a process imports them."""

import sys
import warnings
from importlib import import_module

# Libraries, and what each of them imports only where it is installed.  Nothing here uses it.
EXTRAS = {
    "msgspec": ("typing_extensions",),  # 0.6 MB and 5 ms; types that are newer than this Python
    # 3 MB and 10 ms.  It guesses where a response names no charset and somebody asks for its text; the bridge
    # reads bytes.
    "requests": ("chardet", "charset_normalizer"),
}


def skip_plugin_search() -> None:
    """Let gevent patch without looking for plugins of its own, which nobody has.

    For each of thirty events it would read the metadata of every installed package: a third of a start.
    """
    from gevent import events  # the master and the commands do without it

    events.notify_and_call_entry_points = events.notify


def import_without_extras(library: str) -> None:
    """Import a library as if its extras were not installed.  Others may import them afterwards."""
    hidden = [name for name in EXTRAS[library] if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # None: an import fails
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # requests warns that it can't detect charsets
            import_module(library)
    finally:
        for name in hidden:
            del sys.modules[name]
