"""gevent's event loop with timers that go `BENCH_SPEED` times as fast."""

from typing import Any

from gevent.libev.corecext import loop
from sitecustomize import SPEED


class Loop(loop):  # type: ignore[misc]
    def timer(self, after: float, repeat: float = 0.0, ref: bool = True, priority: Any = None) -> Any:
        return super().timer(after / SPEED, repeat / SPEED, ref, priority)
