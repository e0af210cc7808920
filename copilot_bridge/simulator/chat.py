"""`POST /chat/completions`."""

from collections.abc import Iterable

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue, flood
from copilot_bridge.simulator.chat_rules import check
from copilot_bridge.simulator.directives import CHAT, Asked, read
from copilot_bridge.simulator.edits import edit, loop_for_ever, write_events
from copilot_bridge.simulator.faults import refuse_if_asked
from copilot_bridge.simulator.gate import Caller, check_session, check_vision
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.model_response import compose
from copilot_bridge.simulator.prompt import Prompt, read_prompt
from copilot_bridge.simulator.recordings import read_recording
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.transport import Faults, deliver, deliver_whole
from copilot_bridge.simulator.wording import WORDINGS
from copilot_bridge.simulator.world import world

PATH = "/chat/completions"
LOOP_GAP = 0.001  # seconds; an endless stream at no pace at all would starve the loop


def complete_chat(caller: Caller) -> Response:
    """Checks in the order of the real one: session, model, quota, then the request itself."""
    prompt = read_prompt(parse(request.get_data()))
    check_vision(bool(prompt.images))
    check_session(caller)
    row = catalogue.pick(prompt.body.get("model"), caller, PATH, kind="chat")
    if caller.persona.chat:
        refuse(caller.persona.chat)
    asked = read(prompt.text, world().directives)
    asked.allow(CHAT, prompt.stream)
    refuse_if_asked(asked, prompt.body)
    check(prompt, row)
    return stream(prompt, asked, row) if prompt.stream else respond_whole(prompt, asked, row)


def stream(prompt: Prompt, asked: Asked, row: catalogue.Row) -> Response:
    events, gap = events_for(prompt, asked, row)
    return deliver(events, gap, Faults.asked(asked))


def events_for(prompt: Prompt, asked: Asked, row: catalogue.Row) -> tuple[Iterable[bytes], float]:
    """The SSE events of a response, and the pause between them in seconds."""
    pace = world().pace
    if "scenario" in asked:
        return read_recording(asked.get("scenario", "name"), True), pace
    if "flood" in asked:
        wanted = asked.options["flood"]
        return flood.render(wanted["shape"], wanted["events"], wanted["size"], row), wanted["gap"] / 1000
    wording = WORDINGS[row["vendor"]]
    chunks = edit(wording.chunks(compose(prompt, asked, row), row), asked, wording)
    if "whitespace-loop" in asked:
        return loop_for_ever(chunks), max(pace, LOOP_GAP)
    return write_events(chunks, done="no-done" not in asked and "error-in-stream" not in asked), pace


def respond_whole(prompt: Prompt, asked: Asked, row: catalogue.Row) -> Response:
    if "scenario" in asked:
        body = read_recording(asked.get("scenario", "name"), False)[0]
    else:
        body = orjson.dumps(WORDINGS[row["vendor"]].whole(compose(prompt, asked, row), row))
    return deliver_whole(body, Faults.asked(asked))


ROUTES = (("POST", PATH, complete_chat),)
