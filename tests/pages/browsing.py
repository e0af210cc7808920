"""Chromium, and an eye on what goes wrong in it."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from integration.harness import Bridge
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
)

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000  # milliseconds; nothing that works takes so long, however busy the machine is
LAUNCH = 120_000  # milliseconds

# Whatever is not on loopback would go through here, and nobody listens.
NOWHERE = "http://127.0.0.1:9"

DESK = {"width": 1200, "height": 900}
PHONE = {"width": 360, "height": 740}
ON_A_PHONE = {"viewport": PHONE, "is_mobile": True, "has_touch": True}

Look = tuple[str, Any, Any]
LOOKS: tuple[Look, ...] = (("phone", "light", PHONE), ("light", "light", DESK), ("dark", "dark", DESK))
VISIONS = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")

Picture = Callable[..., None]
"""Takes pictures of a page, if anybody wants to have them: (page, name), and which looks."""

# Reported to the test itself, since no page may: the policy of the pages stands above all scripts in them.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} forbids ${event.blockedURI} at line ${event.lineNumber}`));
"""
RULES = {"resultTypes": ["violations"]}
GRAVE = ("serious", "critical")

# What Tab has to reach, as far as it is seen.
CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((element) => !element.disabled)
  .filter((element) => element.tabIndex >= 0 || !element.closest("[data-chart]"))  // arrows reach its bars
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))"""
NUMBER_CONTROLS = f"() => ({CONTROLS})().map((element, index) => element.dataset.number = index)"
FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [element.dataset.number ?? null, ring, element.outerHTML.slice(0, 120)];
}"""


def find_chromium() -> str | None:
    """CHROMIUM names one; else what the system has."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """No network but loopback."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root has none
    return playwright.chromium.launch(
        executable_path=path,
        args=[*sandbox, f"--proxy-server={NOWHERE}", "--disable-dev-shm-usage"],
        timeout=LAUNCH,
    )


class Visitor:
    """A browser of somebody's own: cookies, language, taste.  `close` fails if anything went wrong in it."""

    def __init__(self, browser: Browser, bridge: Bridge, **options: Any) -> None:
        self.bridge = bridge
        self.wrong: list[str] = []
        self._known: list[str] = []
        # Where the clock is another than the server's, the script loads a page once more.
        settings = {
            "locale": "en-US",
            "timezone_id": "UTC",
            "color_scheme": "light",
            "viewport": DESK,
            **options,
        }
        self.context: BrowserContext = browser.new_context(base_url=bridge.url, **settings)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))
        self.context.on("request", self._see)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.goto(path)
        return page

    def sign_in(self, key: str) -> Page:
        page = self.open("/sign-in")
        page.get_by_label("The operator's API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        return page

    def expects(self, complaint: str) -> None:
        """A pattern of what the browser may complain of: a status that the test is about."""
        self._known.append(complaint)

    def close(self) -> None:
        self.context.close()
        wrong = [
            complaint
            for complaint in self.wrong
            if not any(re.search(known, complaint) for known in self._known)
        ]
        assert not wrong, "\n".join(wrong)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self.bridge.url and parts.scheme not in ("data", "about"):
            self.wrong.append(f"foreign request: {request.url}")


Visit = Callable[..., Visitor]


@contextmanager
def visitors(browser: Browser) -> Iterator[Visit]:
    made: list[Visitor] = []

    def visit(bridge: Bridge, **options: Any) -> Visitor:
        made.append(Visitor(browser, bridge, **options))
        return made[-1]

    yield visit
    for visitor in made:
        visitor.close()


def follow(link: Locator) -> None:
    """Click, and wait for the page that is led to; a click alone may come back while the old one is there."""
    with link.page.expect_event("load"):
        link.click()


def reload_until(page: Page, there: Locator) -> None:
    """For a page without a script, which shows nothing new by itself."""
    while not there.count():
        page.reload()


def barriers(page: Page) -> list[str]:
    """The serious ones of axe's findings."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> int:
    """How many pixels of the page one would have to scroll sideways for."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(0, wide)


def tabbed(page: Page) -> list[str]:
    """What is wrong for somebody without a mouse: controls out of reach, a focus not to be seen."""
    all_of_them = {str(control) for control in page.evaluate(NUMBER_CONTROLS)}
    reached: set[str] = set()
    unseen = []
    parts = 8 * page.locator("input[type^=date], input[type=time]").count()
    for _ in range(len(all_of_them) + parts + 3):
        page.keyboard.press("Tab")
        number, visible, html = page.evaluate(FOCUSED)
        if number is not None:
            reached.add(number)
            if not visible:
                unseen.append(f"no ring: {html}")
    missed = all_of_them - reached
    out_of_reach = [
        "out of reach: "
        + page.locator(f"[data-number='{control}']").evaluate("(element) => element.outerHTML")[:200]
        for control in sorted(missed)
    ]
    return unseen + out_of_reach


def take_pictures(page: Page, folder: Path, name: str, looks: Iterable[Look] = LOOKS) -> None:
    """As it is now; what moves by itself stands still."""
    folder.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    page.wait_for_load_state("networkidle")
    for look, scheme, size in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.screenshot(path=folder / f"{name}-{look}.png", full_page=True, animations="disabled")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before or DESK)
    if looks is LOOKS:
        take_pictures_for_each_vision(page, folder / "colour-blindness", name)


def take_pictures_for_each_vision(page: Page, folder: Path, name: str) -> None:
    """As those see it who tell colours apart less well, light and dark."""
    session = page.context.new_cdp_session(page)
    for vision in VISIONS:
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": vision})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            picture = folder / f"{name}-{vision}-{scheme}.png"
            page.screenshot(path=picture, full_page=True, animations="disabled")
    session.detach()
    page.emulate_media(color_scheme="light")
