"""Uses openai-agents' model over a WebSocket as programs do, and prints what came of it as JSON.

Run in an environment of its own: `python websocket.py URL MODEL MARK`.
"""

import asyncio
import json
import sys
from typing import Any

from agents import Agent, Runner, function_tool, set_tracing_disabled
from agents.models.openai_responses import OpenAIResponsesWSModel, ResponsesWebSocketError
from openai import AsyncOpenAI

url, model, mark = sys.argv[1:]


def agent(name: str, live: OpenAIResponsesWSModel) -> Agent[Any]:
    @function_tool
    def get_weather(city: str) -> str:
        """Tells the weather."""
        return f"sunny {mark} for {name}"

    return Agent(name=name, instructions=f"Be brief. {mark}", model=live, tools=[get_weather])


async def at_once(live: OpenAIResponsesWSModel) -> list[str]:
    """Two runs, whose turns alternate on the one connection."""
    runs = [Runner.run(agent(name, live), f"[[sim:tools]] {name} {mark}") for name in ("first", "second")]
    return [result.final_output for result in await asyncio.gather(*runs)]


async def continued(live: OpenAIResponsesWSModel) -> list[str]:
    """Each turn says the id of the last response and what is new."""
    one = agent("one", live)
    result = await Runner.run(one, f"[[sim:tools]] {mark}", auto_previous_response_id=True)
    last = result.last_response_id
    again = await Runner.run(one, "And again?", previous_response_id=last, auto_previous_response_id=True)
    return [result.final_output, again.final_output]


async def streamed(live: OpenAIResponsesWSModel) -> list[Any]:
    result = Runner.run_streamed(agent("one", live), f"[[sim:say]] It is {mark}.")
    kinds = {event.data.type async for event in result.stream_events() if event.type == "raw_response_event"}
    return [result.final_output, "response.output_text.delta" in kinds]


async def refused(live: OpenAIResponsesWSModel) -> str:
    try:
        await Runner.run(agent("one", live), "Hello.", previous_response_id="resp_unknown")
    except ResponsesWebSocketError as error:
        return str(error)
    return "nothing"


async def main() -> None:
    live = OpenAIResponsesWSModel(model, AsyncOpenAI(base_url=f"{url}/v1", api_key="any"))
    set_tracing_disabled(True)
    found = {
        "at once": await at_once(live),
        "continued": await continued(live),
        "streamed": await streamed(live),
        "refused": await refused(live),
    }
    await live.close()
    print(json.dumps(found))


asyncio.run(main())
