"""Images are scaled down to what a model accepts or sees, where Pillow is installed."""

import base64
import struct
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import image_scaling as scaling
from copilot_bridge.pipeline.image_inlining import ImageInliner
from copilot_bridge.pipeline.image_scaling import MAX_PIXELS, Bounds, Scaler, pixels

LARGE = 10 * 1024 * 1024
NOISE = Random(1).randbytes(300 * 200 * 3)


def written(image: Image.Image, form: str, **more: Any) -> str:
    out = BytesIO()
    image.save(out, form, **more)
    return base64.b64encode(out.getvalue()).decode()


def plain(width: int, height: int, form: str = "PNG", mode: str = "RGB", **more: Any) -> str:
    return written(Image.new(mode, (width, height), "white"), form, **more)


def noise(form: str) -> str:
    return written(Image.frombytes("RGB", (300, 200), NOISE), form)


def opened(data: str) -> Image.Image:
    image = Image.open(BytesIO(base64.b64decode(data)))
    image.load()
    return image


SMALL, LONG, HEAVY = plain(8, 8), plain(9000, 8), noise("PNG")


@pytest.fixture
def without_pillow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "PIL", None)
    scaling.is_installed.cache_clear()
    yield
    scaling.is_installed.cache_clear()


@pytest.mark.parametrize(("data", "media", "size"), [
    (plain(400, 200), "image/png", (100, 50)),
    (plain(200, 400, "JPEG"), "image/jpeg", (50, 100)),
    (plain(101, 10, "WEBP"), "image/webp", (100, 10)),
    (plain(400, 400, "GIF"), "image/png", (100, 100)),
    (plain(400, 200, mode="P"), "image/png", (100, 50)),
    (plain(400, 200, mode="LA"), "image/png", (100, 50)),
    (plain(400, 200, "JPEG", mode="CMYK"), "image/jpeg", (100, 50)),
])  # fmt: skip
def test_an_image_with_too_long_a_side_is_scaled(data: str, media: str, size: tuple[int, int]) -> None:
    made = Scaler().fit(data, Bounds(LARGE, 100))
    assert made is not None
    assert (made[0], opened(made[1]).size, pixels(made[1])) == (media, size, size)


def test_a_photo_is_turned_as_its_camera_says() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    made = Scaler().fit(plain(400, 200, "JPEG", exif=turned), Bounds(LARGE, 100))
    assert made is not None
    assert opened(made[1]).size == (50, 100)


def test_transparency_is_kept() -> None:
    made = Scaler().fit(written(Image.new("RGBA", (400, 200), (0, 0, 0, 0)), "PNG"), Bounds(LARGE, 100))
    assert made is not None
    assert opened(made[1]).getpixel((0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize(("form", "most", "whole"), [
    ("PNG", 150_000, True),
    ("PNG", 5_000, False),
    ("WEBP", 5_000, False),
    ("JPEG", 5_000, False),
])  # fmt: skip
def test_an_image_of_too_many_bytes_is_scaled_down(form: str, most: int, whole: bool) -> None:
    """First with losses, then of fewer pixels."""
    made = Scaler().fit(noise(form), Bounds(most, None))
    assert made is not None
    assert len(base64.b64decode(made[1])) <= most
    assert (opened(made[1]).width == 300) is whole


def test_nothing_shows_through_of_what_is_written_with_losses() -> None:
    clear = Image.frombytes("RGB", (300, 200), NOISE).convert("RGBA")
    clear.putalpha(0)
    made = Scaler().fit(written(clear, "PNG"), Bounds(20_000, None))
    assert made is not None
    assert made[0] == "image/jpeg"
    assert opened(made[1]).getpixel((150, 100)) == (255, 255, 255)


def bomb(width: int, height: int, more: int = 0) -> str:
    """A PNG of a few bytes, and some that are none of it, that says to have so many pixels."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)), (b"IDAT", zlib.compress(b"")))
    image = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + image + bytes(more)).decode()


@pytest.mark.parametrize("data", [
    bomb(MAX_PIXELS // 1000, 1001),
    bomb(50_000, 50_000),
    bomb(2000, 2000),
    "iVBORw0KGgo=" + "A" * 400,
    "no base64 !" * 99,
    noise("PNG")[:4_000],
    base64.b64encode(b"%PDF-1.7" + b"x" * 400).decode(),
])  # fmt: skip
def test_images_that_can_not_be_scaled_are_sent_unchanged(data: str) -> None:
    assert Scaler().fit(data, Bounds(100, 100)) is None


@pytest.mark.parametrize(("data", "bounds"), [
    (plain(100, 50), Bounds(LARGE, 100)),
    (plain(400, 200), Bounds(LARGE, None)),
    (noise("PNG"), Bounds(LARGE, 300)),
])  # fmt: skip
def test_small_images_are_not_decoded(monkeypatch: pytest.MonkeyPatch, data: str, bounds: Bounds) -> None:
    monkeypatch.setattr(scaling, "scale_down", None)
    assert Scaler().fit(data, bounds) is None


def test_an_image_is_scaled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scaler, data, bounds = Scaler(), plain(400, 200), Bounds(LARGE, 100)
    broken = bomb(2000, 2000)
    first = scaler.fit(data, bounds), scaler.fit(broken, bounds)
    monkeypatch.setattr(scaling, "scale_down", None)
    assert (scaler.fit(data, bounds), scaler.fit(broken, bounds)) == first


def model(vendor: str = "Anthropic", id_: str = "claude-sonnet-4.5") -> Model:
    limits = {"vision": {"max_prompt_image_size": 5_000}}
    return Model.read({"id": id_, "vendor": vendor, "capabilities": {"limits": limits}})


class Fetcher:
    """Fetches what the test has."""

    def __init__(self, data: str) -> None:
        self._image = base64.b64decode(data)
        self.asked = 0

    def fetch_image(self, _url: str, *, max_bytes: int, **_more: Any) -> tuple[str, bytes]:
        self.asked = max_bytes
        return "image/png", self._image


def pictures(data: str = "") -> tuple[ImageInliner, Fetcher]:
    fetcher = Fetcher(data)
    return ImageInliner(fetcher), fetcher  # type: ignore[arg-type]


@pytest.mark.parametrize(("who", "side", "shown", "expected"), [
    (model(), 2000, True, 1568),
    (model(), 2000, False, 2000),
    (model(), 8100, False, 8000),
    (model(id_="claude-opus-4.6"), 2000, True, 1568),
    (model(id_="claude-opus-4.7"), 2000, True, 2000),
    (model(id_="claude-opus-4.7"), 3000, True, 2576),
    (model(id_="claude-sonnet-6"), 3000, True, 2576),
    (model("OpenAI", "gpt-5.4"), 9000, True, 9000),
])  # fmt: skip
def test_images_are_scaled_to_what_each_model_sees(who: Model, side: int, shown: bool, expected: int) -> None:
    """What a tool shows, and what a person shows only where it would be refused."""
    url = f"data:image/png;base64,{plain(side, 8, mode='1')}"
    found = pictures()[0].in_place(url, "messages.0", who, shown=shown)
    assert pixels(found.partition(",")[2])[0] == expected
    assert (found == url) is (side == expected)


def test_a_large_fetched_image_is_scaled_down() -> None:
    placed, _ = pictures(noise("PNG"))
    media, data = placed.fetch("https://a/b.png", "messages.0", model(), shown=False)
    assert media == "image/jpeg"
    assert len(base64.b64decode(data)) <= 5_000


def test_a_fetched_image_that_stays_too_large_is_refused() -> None:
    placed, _ = pictures(bomb(9_000, 9_000, 40_000))
    with pytest.raises(InvalidRequest, match="more than 5,000 bytes") as refused:
        placed.fetch("https://a/b.png", "messages.0", model(), shown=False)
    assert refused.value.param == "messages.0"


@pytest.mark.usefixtures("without_pillow")
def test_without_pillow_all_is_as_it_came() -> None:
    placed, fetcher = pictures(SMALL)
    for data in (LONG, HEAVY):
        url = f"data:image/png;base64,{data}"
        assert placed.in_place(url, "messages.0", model(), shown=True) == url
    placed.fetch("https://a/b.png", "messages.0", model(), shown=True)
    assert fetcher.asked == 5_000
