"""The step between the hub and a route: a prompt in, one that its target takes out, and how to go back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from copilot_bridge.dialects.adaptation.argument_schemas import adapt_argument_schemas
from copilot_bridge.dialects.adaptation.blank_texts import remove_blank_texts
from copilot_bridge.dialects.adaptation.custom_tools import custom_tools_as_functions
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.media import adapt_media
from copilot_bridge.dialects.adaptation.output_schemas import SCHEMA_SUBSETS, is_strict, output_schema
from copilot_bridge.dialects.adaptation.stop_sequences import split_stop_sequences
from copilot_bridge.dialects.adaptation.tool_call_ids import adapt_tool_call_ids
from copilot_bridge.dialects.adaptation.tool_choice import adapt_tool_choice
from copilot_bridge.dialects.adaptation.tool_names import shorten_tool_names
from copilot_bridge.dialects.adaptation.tool_results import move_results_to_calls
from copilot_bridge.dialects.prompt import OutputFormat, Prompt, Tool
from copilot_bridge.dialects.registry import DIALECTS
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


NO_CHANGES = Undo()


def adapt_prompt(prompt: Prompt, limits: Limits, client: str) -> tuple[Prompt, Undo]:
    """:param client: the dialect that the prompt came in.

    :raises InvalidRequest, Unsupported: the target can't be told, and the answer would miss what binds it.
    """
    dialect = DIALECTS[client]
    prompt = adapt_media(adapt_tool_choice(prompt), limits, dialect.field_path("conversation"))
    prompt, custom = (prompt, frozenset[str]()) if limits.custom_tools else custom_tools_as_functions(prompt)
    prompt = adapt_argument_schemas(prompt, limits)
    try:
        prompt = adapt_output_format(prompt, limits, strict=dialect.strict_schemas)
    except RecursionError:
        where = dialect.field_path("output_format")
        raise InvalidRequest(f"{where}: it is nested too deeply", param=where) from None
    prompt, ids = adapt_tool_call_ids(prompt, limits.id_length) if limits.id_length else (prompt, {})
    prompt, names = shorten_tool_names(prompt, limits.name_length) if limits.name_length else (prompt, {})
    prompt = move_results_to_calls(prompt) if limits.results_follow_calls else prompt
    prompt = prompt if limits.blank_texts else remove_blank_texts(prompt)
    told, stops = split_stop_sequences(prompt.stop, limits)
    if not (names or ids or stops or custom):
        return prompt, NO_CHANGES
    return replace(prompt, stop=told), Undo(names, ids, stops, custom)


def adapt_output_format(prompt: Prompt, limits: Limits, *, strict: bool) -> Prompt:
    """Claude's schemas are strict, always, and OpenAI's where they say so; who says so knows the form.

    :param strict: schemas of the client's dialect bind the model though no request says so.
    """
    if limits.strict == "anthropic":
        return (
            prompt
            if prompt.output_format is None
            else replace(prompt, output_format=closed(prompt.output_format))
        )
    if not strict:
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
    return replace(answer, schema=output_schema(answer.schema, SCHEMA_SUBSETS["anthropic"]))


def strict_answer(answer: OutputFormat) -> OutputFormat:
    """Strict where OpenAI can be; else the model is told the schema, and not held to it."""
    schema = answer.schema and output_schema(answer.schema, SCHEMA_SUBSETS["openai"])
    return replace(answer, schema=schema, strict=True) if is_strict(schema) else answer


def strict_tool(tool: Tool) -> Tool:
    if not tool.strict:
        return tool
    schema = output_schema(tool.schema, SCHEMA_SUBSETS["openai"])
    return replace(tool, schema=schema) if is_strict(schema) else replace(tool, strict=None)
