"""For any WSGI server: `gunicorn wsgi:app`."""

from copilot_bridge.app import create_app

app = create_app()
