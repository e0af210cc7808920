"""Adaptation of a whole prompt to its target, and what the response needs to be translated back."""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.argument_schemas import adapt_argument_schemas
from copilot_bridge.dialects.adaptation.blank_texts import remove_blank_texts
from copilot_bridge.dialects.adaptation.custom_tools import custom_tools_as_functions
from copilot_bridge.dialects.adaptation.gaps import as_gap, ask_in_words
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
from copilot_bridge.dialects.server_tools.texts import with_carried_results
from copilot_bridge.errors import InvalidRequest


class Undo(Struct, frozen=True):
    """The changes to a prompt that have to be undone in its response.

    :param names, ids: of tools and tool calls, the target's -> the client's.
    :param stops: stop sequences that the bridge enforces itself.
    :param custom: the client's names of custom tools that became functions.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    custom: frozenset[str] = frozenset()


NO_CHANGES = Undo()


def adapt_prompt(prompt: Prompt, limits: Limits, client: str) -> tuple[Prompt, Undo]:
    """Adapt a prompt to the limits of its target.

    :param client: the dialect of the client.
    :raises InvalidRequest, Unsupported: the target lacks something that the client relies on.
    """
    dialect = DIALECTS[client]
    prompt = with_carried_results(prompt)
    prompt = as_gap(prompt) if limits.gaps else ask_in_words(prompt)
    prompt = adapt_tool_choice(prompt, dialect.field_path("tool_choice"))
    prompt = adapt_media(prompt, limits, dialect.field_path("conversation"))
    prompt, custom = (prompt, frozenset[str]()) if limits.custom_tools else custom_tools_as_functions(prompt)
    prompt = adapt_argument_schemas(prompt, limits)
    try:
        prompt = adapt_output_format(prompt, limits, strict=dialect.strict_schemas)
    except RecursionError:
        where = dialect.field_path("output_format")
        raise InvalidRequest(f"{where}: the schema is nested too deeply", param=where) from None
    prompt, ids = adapt_tool_call_ids(prompt, limits.id_length) if limits.id_length else (prompt, {})
    prompt, names = shorten_tool_names(prompt, limits.name_length) if limits.name_length else (prompt, {})
    prompt = move_results_to_calls(prompt) if limits.results_follow_calls else prompt
    prompt = prompt if limits.blank_texts else remove_blank_texts(prompt)
    passed, stops = split_stop_sequences(prompt.stop, limits)
    prompt = prompt if passed == prompt.stop else replace(prompt, stop=passed)
    return prompt, Undo(names, ids, stops, custom) if names or ids or stops or custom else NO_CHANGES


def adapt_output_format(prompt: Prompt, limits: Limits, *, strict: bool) -> Prompt:
    """Adapt the schemas of the output format and of strict tools.

    Claude accepts a subset of JSON Schema at all times, OpenAI only where a schema is strict.

    :param strict: whether the client's dialect has strict schemas that OpenAI may not accept as they are.
    """
    if limits.strict == "anthropic":
        return (
            prompt
            if prompt.output_format is None
            else replace(prompt, output_format=as_strict_for_claude(prompt.output_format))
        )
    if not strict:
        return prompt
    output_format = prompt.output_format and as_strict_for_openai(prompt.output_format)
    tools = tuple(map(strict_tool, prompt.tools))
    return (
        prompt
        if (output_format, tools) == (prompt.output_format, prompt.tools)
        else replace(prompt, output_format=output_format, tools=tools)
    )


def as_strict_for_claude(output_format: OutputFormat) -> OutputFormat:
    """Return the output format in the subset of JSON Schema that Claude takes."""
    if output_format.schema is None:
        return output_format
    return replace(output_format, schema=output_schema(output_format.schema, SCHEMA_SUBSETS["anthropic"]))


def as_strict_for_openai(output_format: OutputFormat) -> OutputFormat:
    """Return the output format as a strict one if OpenAI can enforce it.

    Otherwise the schema is only a hint.
    """
    schema = output_format.schema and output_schema(output_format.schema, SCHEMA_SUBSETS["openai"])
    return replace(output_format, schema=schema, strict=True) if is_strict(schema) else output_format


def strict_tool(tool: Tool) -> Tool:
    """Return a strict tool with a schema that OpenAI can enforce, or without `strict`."""
    if not tool.strict:
        return tool
    schema = output_schema(tool.schema, SCHEMA_SUBSETS["openai"])
    return replace(tool, schema=schema) if is_strict(schema) else replace(tool, strict=None)
