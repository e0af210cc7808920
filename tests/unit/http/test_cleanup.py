"""Everything that a request has opened is closed, whatever happens to its response."""

import json
import logging

import gevent
import pytest
from flask import Flask, Response, request
from gunicorn.http.errors import InvalidResponseHeader
from gunicorn.http.wsgi import Response as ServersResponse
from werkzeug.test import EnvironBuilder

from copilot_bridge.http.cleanup import CLEANUP, Cleanup, ErrorBoundary
from copilot_bridge.serving.gunicorn_requests import restartable_start_response


class Panic(BaseException):
    """An exception like that of a library in another language."""


def environ(path="/v1/messages"):
    return {"REQUEST_METHOD": "POST", "PATH_INFO": path}


def ask(application, path="/v1/messages"):
    """(status, body) of the response, after its end."""
    statuses = []
    response = ErrorBoundary(application)(
        environ(path), lambda status, _headers, _failure=None: statuses.append(status)
    )
    return statuses[-1], b"".join(response)


def opening(closed, error):
    def application(environ, _start):
        environ[CLEANUP].add(lambda: closed.append("exchange"))
        environ[CLEANUP].add(lambda: 1 / 0)
        environ[CLEANUP].add(lambda: closed.append("slot"))
        raise error

    return application


@pytest.mark.parametrize("error", [Panic("stack overflow"), ValueError("x"), MemoryError()])
def test_an_exception_runs_the_cleanup_and_gives_an_error_response(caplog, error):
    closed = []
    status, body = ask(opening(closed, error))
    assert status == "500 Internal Server Error"
    assert json.loads(body)["type"] == "error"
    assert closed == ["exchange", "slot"]
    assert "internal error at POST /v1/messages" in caplog.text


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/messages/count_tokens", {"type", "error", "request_id"}),
        ("/v1/chat/completions", {"error"}),
        ("/v1/responses", {"error"}),
        ("/nowhere", {"error"}),
    ],
)
def test_the_error_response_is_in_the_dialect_of_the_path(caplog, path, shape):
    _, body = ask(opening([], Panic("!")), path)
    assert json.loads(body).keys() == shape


@pytest.mark.parametrize("error", [gevent.GreenletExit(), SystemExit(), KeyboardInterrupt()])
def test_exits_run_the_cleanup_and_are_not_logged(caplog, error):
    closed = []
    with pytest.raises(type(error)):
        ask(opening(closed, error))
    assert closed == ["exchange", "slot"]


def test_the_server_runs_the_cleanup_of_a_sent_response_once():
    closed = []

    def application(environ, start_response):
        cleanup = environ[CLEANUP]
        cleanup.add(lambda: closed.append("exchange"))
        cleanup.attached = True
        response = Response("fine")
        response.call_on_close(cleanup.close)
        return response(environ, start_response)

    response = ErrorBoundary(application)(environ(), lambda *_: None)
    assert closed == []
    response.close()
    response.close()
    assert closed == ["exchange"], "once"


def test_an_exception_in_a_hook_runs_the_cleanup(caplog):
    """Flask calls the hook a second time, with its own error response."""
    app, closed = Flask(__name__), []

    @app.get("/")
    def view():
        request.environ[CLEANUP].add(lambda: closed.append("exchange"))
        return "fine"

    @app.after_request
    def hook(_response):
        raise Panic("!")

    statuses = []
    given = EnvironBuilder("/").get_environ()
    ErrorBoundary(app.wsgi_app)(given, lambda status, _headers, _failure=None: statuses.append(status))
    assert statuses == ["500 Internal Server Error"]
    assert closed == ["exchange"]


def test_one_failing_action_does_not_stop_the_others(caplog):
    cleanup, closed = Cleanup(), []
    for action in (lambda: 1 / 0, lambda: closed.append(1), lambda: {}["a"], lambda: closed.append(2)):
        cleanup.add(action)
    with caplog.at_level(logging.ERROR):
        cleanup.close()
    assert closed == [1, 2]
    assert caplog.text.count("the cleanup after a request failed") == 2


def test_gunicorn_starts_a_response_again_after_a_rejected_header():
    class Asked:
        method, version = "POST", (1, 1)

        def should_close(self):
            return False

    response = ServersResponse(Asked(), None, None)
    with pytest.raises(InvalidResponseHeader):
        restartable_start_response(response, "200 OK", [("Content-Length", "4"), ("X-A", "\x1b[31m")])
    restartable_start_response(
        response, "500 Oops", [("Content-Length", "2")], (ValueError, ValueError(), None)
    )
    assert response.headers == [("Content-Length", "2")]
    assert (response.status, response.response_length) == ("500 Oops", 2)
