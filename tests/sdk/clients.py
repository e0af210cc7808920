"""Both packages as the tests of translated routes use them, and files to send with them."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import anthropic
import openai
from anthropic import Anthropic, AsyncAnthropic
from integration.harness import PATIENCE, Bridge, Json, Simulator
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

T = TypeVar("T")
# A PNG of 70 bytes: one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PIXEL_URL = f"data:image/png;base64,{PIXEL}"
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
PDF_URL = f"data:application/pdf;base64,{PDF}"
THOUGHT = "The user wants an answer."
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# Making a context for TLS takes longer than most of these tests.
PLAIN: Json = {"verify": False}
GIVEN: Json = {"api_key": "any", "max_retries": 0, "timeout": 20}


class City(BaseModel):
    name: str
    population: int
    districts: list[str]


def connect_anthropic(bridge: Bridge, **more: Any) -> Anthropic:
    http = anthropic.DefaultHttpxClient(**PLAIN)
    return Anthropic(base_url=bridge.url, **GIVEN | {"http_client": http} | more)


def connect_openai(bridge: Bridge, **more: Any) -> OpenAI:
    http = openai.DefaultHttpxClient(**PLAIN)
    return OpenAI(base_url=f"{bridge.url}/v1", **GIVEN | {"http_client": http} | more)


def run_anthropic(bridge: Bridge, use: Callable[[AsyncAnthropic], Awaitable[T]]) -> T:
    """Something with the asynchronous client."""

    async def main() -> T:
        http = anthropic.DefaultAsyncHttpxClient(**PLAIN)
        async with AsyncAnthropic(base_url=bridge.url, **GIVEN, http_client=http) as client:
            return await use(client)

    made: Coroutine[Any, Any, T] = main()
    return asyncio.run(made)


def run_openai(bridge: Bridge, use: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
    """Something with the asynchronous client."""

    async def main() -> T:
        http = openai.DefaultAsyncHttpxClient(**PLAIN)
        async with AsyncOpenAI(base_url=f"{bridge.url}/v1", **GIVEN, http_client=http) as client:
            return await use(client)

    made: Coroutine[Any, Any, T] = main()
    return asyncio.run(made)


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def sent(simulator: Simulator, mark: str, count: int) -> list[Json]:
    """The bodies that went upstream with that mark, of which there have to be so many."""
    entries = simulator.ledger(mark, timeout=PATIENCE)
    assert len(entries) == count, f"{len(entries)} requests instead of {count}"
    return [entry["body"] for entry in entries]


def initiators(simulator: Simulator, mark: str) -> list[str]:
    return [entry["headers"]["x-initiator"] for entry in simulator.ledger(mark, timeout=PATIENCE)]


def of_type(parts: Iterable[Any], kind: str) -> list[Any]:
    """Blocks or items of one type, be they dicts or an SDK's objects."""
    return [part for part in parts if (part.get("type") if isinstance(part, dict) else part.type) == kind]
