"""A browser as far as the pages notice: cookies, forms, and what it accepts."""

import re
import time
from typing import Self

import requests
from integration.harness import PATIENCE, Bridge

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Browser:
    """Redirects are not followed: where one leads is for the test to say."""

    def __init__(self, bridge: Bridge, **headers: str) -> None:
        self._bridge = bridge
        self.session = requests.Session()
        self.session.headers.update({"Accept": ACCEPT, "Accept-Language": "en", **headers})

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._ask("GET", path, headers=headers)

    def part(self, name: str, query: str = "") -> str:
        """A part of a page, as its stream would send it."""
        response = self.get(f"/live?once=1&part={name}&{query}")
        assert response.status_code == 200, response.text
        html: str = response.json()[name]
        return html

    def wait_for_part(self, name: str, words: str, timeout: float = PATIENCE) -> str:
        """The part, as soon as it holds the words."""
        end = time.monotonic() + timeout
        while words not in (html := self.part(name)):
            assert time.monotonic() < end, html
            time.sleep(0.1)
        return html

    def post(self, path: str, form_on: str = "", **fields: str) -> requests.Response:
        """With the token of a form on another page, or on this one."""
        fields["csrf_token"] = self.token(form_on or path)
        return self._ask("POST", path, data=fields)

    def post_bare(self, path: str, fields: dict[str, str], **headers: str) -> requests.Response:
        return self._ask("POST", path, data=fields, headers=headers)

    def token(self, path: str) -> str:
        page = self.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found, f"no form on {path}: {page.status_code}"
        return found[1]

    def sign_in(self, key: str) -> Self:
        response = self.post("/sign-in", key=key)
        assert response.status_code == 303, response.text
        return self

    def wait_for(self, path: str, words: str, timeout: float = PATIENCE) -> str:
        """The page, as soon as it holds the words."""
        end = time.monotonic() + timeout
        while words not in (page := self.get(path).text):
            assert time.monotonic() < end, page
            time.sleep(0.1)
        return page

    def close(self) -> None:
        self.session.close()

    def _ask(self, method: str, path: str, **options: object) -> requests.Response:
        return self.session.request(  # type: ignore[no-any-return]
            method, self._bridge.url + path, allow_redirects=False, timeout=PATIENCE, **options
        )
