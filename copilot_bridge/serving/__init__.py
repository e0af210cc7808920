"""The servers that run the application: gunicorn with gevent workers, or gevent's own."""
