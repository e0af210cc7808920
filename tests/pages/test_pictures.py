"""The pictures of the README: `make screenshots` makes them again, with today's dates."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import Bridge, Start, new_token
from pages.browsing import Visit
from playwright.sync_api import expect
from rows import fill, rows

BUSY = 2_400  # rows of the log, of 30 days
LARGEST = 150_000  # bytes
QUANTIZED = ("pngquant", "--quality", "70-95", "--speed", "1", "--strip", "--force", "--ext", ".png")

# (name, path, what stands at the top, size of the window in pixels of CSS)
PICTURES = (
    ("home", "/", "header", (960, 850)),
    ("usage", "/usage?show=premium", "section:has(#days-title)", (960, 900)),
    ("request", "/requests/{request}", "header", (960, 1010)),
)
# What runs meanwhile: models, and after how many events their responses stop on their way.
RUNNING = (("claude-sonnet-4.5", 85), ("gpt-4.1", 40))
AT_THE_TOP = "(what) => scrollTo(0, scrollY + document.querySelector(what).getBoundingClientRect().top - 16)"
# The port of a bridge under test is another one each time.
AS_USUAL = """(url) => document.querySelectorAll("pre").forEach((each) => {
  each.textContent = each.textContent.replace(url, "http://127.0.0.1:4141");
})"""


@pytest.fixture(scope="module")
def busy(_launch: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    home = tmp_path_factory.mktemp("busy")
    fill(home, BUSY).close()
    bridge = _launch(
        home=home, honor_retry_after=0, github_token=new_token("individual"), server="gevent"
    ).warm()
    bridge.chat("hello")
    yield bridge
    bridge.stop()


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where people look for pictures, if they want any."""
    given: Path | None = request.config.getoption("--screenshots")
    found = given / "readme" if given else tmp_path
    found.mkdir(parents=True, exist_ok=True)
    return found


def stalled(after: int) -> str:
    return f"[[sim:stall after={after} seconds=60]] {' '.join(f'word{index}' for index in range(200))}"


def typical() -> str:
    """A streamed request that had to wait a little for everything."""
    *_, found = (
        row
        for row in rows(BUSY)
        if row.outcome == "ok"
        and row.streamed
        and row.token_ms
        and row.queue_ms == 140
        and row.upstream != row.dialect
        and 1500 < (row.ms or 0) < 4000
    )
    return str(found.id)


@pytest.mark.parametrize(("name", "path", "top", "size"), PICTURES, ids=[picture[0] for picture in PICTURES])
def test_the_readme_can_be_illustrated(
    busy: Bridge, visit: Visit, folder: Path, name: str, path: str, top: str, size: tuple[int, int]
) -> None:
    width, height = size
    visitor = visit(busy, viewport={"width": width, "height": height}, device_scale_factor=2)
    running = [busy.stream(stalled(after), model) for model, after in RUNNING if name == "home"]
    for stream in running:
        stream.begin()
    page = visitor.open(path.replace("{request}", typical()))
    if running:
        expect(page.locator(".running > li").filter(has_text="≈")).to_have_count(len(running))
    page.wait_for_load_state("networkidle")
    page.evaluate(AT_THE_TOP, top)
    page.evaluate(AS_USUAL, busy.url)
    file = folder / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    for stream in running:
        stream.leave()
    if shutil.which(QUANTIZED[0]):
        subprocess.run([*QUANTIZED, str(file)], check=True)
        assert file.stat().st_size < LARGEST
