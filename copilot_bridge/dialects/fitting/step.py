"""The step between the hub and a route: a prompt in, one that its target takes out, and how to go back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from copilot_bridge.dialects.fitting.answers import FORMS, answer_schema, is_strict
from copilot_bridge.dialects.fitting.choice import fit_choice
from copilot_bridge.dialects.fitting.custom import as_functions
from copilot_bridge.dialects.fitting.ids import fit_ids
from copilot_bridge.dialects.fitting.limits import Limits
from copilot_bridge.dialects.fitting.media import fit_media
from copilot_bridge.dialects.fitting.names import shorten
from copilot_bridge.dialects.fitting.order import results_next
from copilot_bridge.dialects.fitting.schemas import fit_schemas
from copilot_bridge.dialects.fitting.stops import split_stops
from copilot_bridge.dialects.fitting.texts import fit_texts
from copilot_bridge.dialects.prompt import OutputFormat, Prompt, Tool
from copilot_bridge.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Undo:
    """What has to be undone in the answer: names and ids that were changed, stop sequences not passed on,
    custom tools that were made functions.

    :param names, ids: the target's -> the client's.  :param custom: the client's names.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    custom: frozenset[str] = frozenset()


NOTHING = Undo()


def fit(prompt: Prompt, limits: Limits, client: str) -> tuple[Prompt, Undo]:
    """:param client: the dialect that the prompt came in.

    :raises InvalidRequest, Unsupported: the target can't be told, and the answer would miss what binds it.
    """
    prompt = fit_media(fit_choice(prompt), limits, FIELDS[client])
    prompt, custom = (prompt, frozenset[str]()) if limits.custom_tools else as_functions(prompt)
    prompt = fit_schemas(prompt, limits)
    try:
        prompt = fit_answer(prompt, limits, client)
    except RecursionError:
        raise InvalidRequest(f"{ANSWERS[client]}: it is nested too deeply", param=ANSWERS[client]) from None
    prompt, ids = fit_ids(prompt, limits.id_length) if limits.id_length else (prompt, {})
    prompt, names = shorten(prompt, limits.name_length) if limits.name_length else (prompt, {})
    prompt = results_next(prompt) if limits.results_next else prompt
    prompt = prompt if limits.blank_texts else fit_texts(prompt)
    told, stops = split_stops(prompt.stop, limits)
    if not (names or ids or stops or custom):
        return prompt, NOTHING
    return replace(prompt, stop=told), Undo(names, ids, stops, custom)


# What a client's request calls the conversation, and the form of the answer.
FIELDS = {"chat": "messages", "messages": "messages", "responses": "input"}
ANSWERS = {"chat": "response_format", "messages": "output_config.format", "responses": "text.format"}


def fit_answer(prompt: Prompt, limits: Limits, client: str) -> Prompt:
    """Claude's schemas are strict, always, and OpenAI's where they say so; who says so knows the form."""
    if limits.strict == "anthropic":
        return (
            prompt
            if prompt.output_format is None
            else replace(prompt, output_format=closed(prompt.output_format))
        )
    if client != "messages":
        return prompt
    answer = prompt.output_format and strict_answer(prompt.output_format)
    tools = tuple(map(strict_tool, prompt.tools))
    return (
        prompt
        if (answer, tools) == (prompt.output_format, prompt.tools)
        else replace(prompt, output_format=answer, tools=tools)
    )


def closed(answer: OutputFormat) -> OutputFormat:
    if answer.schema is None:
        return answer
    return replace(answer, schema=answer_schema(answer.schema, FORMS["anthropic"]))


def strict_answer(answer: OutputFormat) -> OutputFormat:
    """Strict where OpenAI can be; else the model is told the schema, and not held to it."""
    schema = answer.schema and answer_schema(answer.schema, FORMS["openai"])
    return replace(answer, schema=schema, strict=True) if is_strict(schema) else answer


def strict_tool(tool: Tool) -> Tool:
    if not tool.strict:
        return tool
    schema = answer_schema(tool.schema, FORMS["openai"])
    return replace(tool, schema=schema) if is_strict(schema) else replace(tool, strict=None)
