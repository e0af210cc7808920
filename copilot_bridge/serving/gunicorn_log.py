"""Logging of gunicorn's own messages by the bridge's handler: warnings always, everything with --debug."""

import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger


class Logger(GunicornLogger):  # type: ignore[misc]
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers = []
            log.propagate = True
        debug = logging.getLogger().level == logging.DEBUG
        self.error_log.setLevel(logging.DEBUG if debug else logging.WARNING)
