"""Uses openai-agents' sessions as programs do, with one model, and prints what came of it as JSON.

Run in an environment of its own: `python sessions.py URL MODEL MARK`.
"""

import asyncio
import json
import sys
from typing import Any

from agents import (
    Agent,
    OpenAIConversationsSession,
    Runner,
    SQLiteSession,
    function_tool,
    set_default_openai_client,
    set_tracing_disabled,
)
from agents.memory import OpenAIResponsesCompactionSession
from openai import AsyncOpenAI

url, model, mark = sys.argv[1:]


@function_tool
def get_weather(city: str) -> str:
    """Tells the weather."""
    return f"sunny {mark} in {city}"


async def with_a_conversation(client: AsyncOpenAI) -> dict[str, Any]:
    session = OpenAIConversationsSession(openai_client=client)
    agent = Agent(name="one", instructions="Be brief.", model=model, tools=[get_weather])
    first = await Runner.run(agent, f"[[sim:tools]] get_weather in Paris {mark}", session=session)
    second = await Runner.run(agent, "And again?", session=session)
    items = await session.get_items()
    last = await session.pop_item()
    left = len(await session.get_items())
    await session.clear_session()
    return {
        "answers": [first.final_output, second.final_output],
        "items": [item["type"] for item in items],
        "popped": [last["type"], len(items) - left],
        "cleared": len(await session.get_items()),
    }


async def with_compaction(client: AsyncOpenAI) -> list[Any]:
    session = OpenAIResponsesCompactionSession(
        session_id="one",
        underlying_session=SQLiteSession("one"),
        client=client,
        model=model,
        should_trigger_compaction=lambda _context: True,
    )
    agent = Agent(name="one", instructions="Be brief.", model=model)
    for text in (f"I am {mark}.", "Who am I?"):
        await Runner.run(agent, text, session=session)
    return [item["type"] for item in await session.get_items()]


async def main() -> None:
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="any")
    set_default_openai_client(client, use_for_tracing=False)
    set_tracing_disabled(True)
    found = {"conversation": await with_a_conversation(client)}
    if model.startswith("gpt-"):  # the package compacts no others
        found["compaction"] = await with_compaction(client)
    print(json.dumps(found))


asyncio.run(main())
