"""The pages for people.  They load nothing from other sites.

    request -> ProxyHeaders -> middleware.before_request
            -> auth.authenticate_page (session, rights, CSRF token) -> a page's view
            -> rendering.page (the template, in the reader's language) -> rendering.finish (headers)

Each page is a module with a blueprint.  A new page is a new module and an entry in `PAGES`.
"""

from flask import Blueprint, Flask

from copilot_bridge.http.pages import (
    approvals,
    assets,
    auth,
    callers,
    device,
    docs,
    error_pages,
    home,
    keys,
    live,
    models,
    rendering,
    request_log,
    request_page,
    settings,
    setup,
    sign_in,
    status_line,
    try_it,
    usage,
)
from copilot_bridge.http.proxies import ProxyHeaders

# In the order of the navigation.
PAGES = (
    home.bp,
    usage.bp,
    request_log.bp,
    request_page.bp,
    approvals.bp,
    keys.bp,
    device.bp,
    models.bp,
    try_it.bp,
    setup.bp,
    settings.bp,
    docs.bp,
    sign_in.bp,
    live.bp,
)

# Modules without a page of their own: what they add stands on all pages.
FRAME = (callers, status_line)


def init_app(app: Flask) -> None:
    """Register the pages, before the APIs: Flask calls the first of two views of a path.

    A page's view leaves requests of programs to the API's view (`json_alternate`).
    """
    bp = Blueprint("pages", __name__)
    bp.add_url_rule("/assets/<wanted>/<path:filename>", "static", assets.show)
    for blueprint in PAGES:
        bp.register_blueprint(blueprint)
    bp.before_request(auth.authenticate_page)
    bp.after_request(rendering.finish)
    error_pages.init_pages(bp)
    app.register_blueprint(bp)
    error_pages.init_app(app)
    # Flask declares `wsgi_app` as a method.
    app.wsgi_app = ProxyHeaders(app.wsgi_app, app.extensions["copilot_bridge"].origin_policy)  # type: ignore[method-assign]
