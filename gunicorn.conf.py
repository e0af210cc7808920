"""gunicorn reads this when it is started here: `gunicorn wsgi:app`."""

from copilot_bridge.serving.gunicorn_settings import *  # noqa: F403
