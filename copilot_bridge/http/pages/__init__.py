"""The pages that the bridge serves to people itself: rendered here, nothing from other sites.

    request -> proxies -> middleware.before_request -> door (who is it, may they, has our own form sent it)
            -> a page's view -> frame (the template, in the reader's language) -> headers

One module for a page, a blueprint in each; to add one: write it, and name it in `PAGES`.
"""

from flask import Blueprint, Flask

from copilot_bridge.http.pages import (
    approvals,
    auth,
    device,
    docs,
    error_pages,
    home,
    models,
    rendering,
    request_log,
    setup,
    sign_in,
    usage,
)
from copilot_bridge.http.proxies import ProxyHeaders

# In the order of the navigation, where they are in it.
PAGES = (
    home.bp,
    usage.bp,
    request_log.bp,
    approvals.bp,
    device.bp,
    models.bp,
    setup.bp,
    docs.bp,
    sign_in.bp,
)


def init_app(app: Flask) -> None:
    """Before the APIs: of two views of a path the first one answers, and gives way to the other by itself."""
    bp = Blueprint("pages", __name__, static_folder="static", static_url_path="/assets")
    for each in PAGES:
        bp.register_blueprint(each)
    bp.before_request(auth.authenticate_page)
    bp.after_request(rendering.finish)
    error_pages.init_pages(bp)
    app.register_blueprint(bp)
    error_pages.init_app(app)
    # The server's own type for it is wider than what a class of ours can promise.
    app.wsgi_app = ProxyHeaders(app.wsgi_app, app.extensions["copilot_bridge"].origin_policy)  # type: ignore[method-assign]
