"""Refusals of images by `/v1/messages`, in Anthropic's words.

Source: Anthropic's documentation of vision, and refusals as reported in public (2024 to 2026).
"""

import base64
import binascii
from io import BytesIO

import imagesize

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.messages_parts import Body, places_of, wrong
from copilot_bridge.simulator.model_facts import facts_of

MAX_BYTES = 5 * 1024 * 1024  # bytes
MAX_SIDE = 8000  # pixels of a side


def check_images(body: Body, row: Row, _betas: str) -> None:
    found = [(path, block) for path, block in places_of(body) if block.get("type") == "image"]
    max_images = facts_of(row["id"])["images"]
    if len(found) > max_images:
        wrong(f"messages: too many images in the request: {len(found)} > {max_images}")
    for path, block in found:
        check_size(f"{path}.source.base64", block.get("source"))


def check_size(path: str, source: object) -> None:
    data = source.get("data") if isinstance(source, dict) and source.get("type") == "base64" else None
    try:
        image = base64.b64decode(data) if isinstance(data, str) else b""
    except binascii.Error:
        return
    if len(image) > MAX_BYTES:
        wrong(f"{path}: image exceeds 5 MB maximum: {len(image)} bytes > {MAX_BYTES} bytes")
    if longest_side(image) > MAX_SIDE:
        wrong(f"{path}.data: At least one of the image dimensions exceed max allowed size: {MAX_SIDE} pixels")


def longest_side(image: bytes) -> int:
    """0: unknown."""
    try:
        return int(max(imagesize.get(BytesIO(image))))
    except Exception:  # noqa: BLE001 - of what is no image its readers raise anything
        return 0
