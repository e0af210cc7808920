"""Schemas of tools and of the output are adapted to what the target accepts."""

import pytest
from integration.dialects import ALL_DIALECTS, MESSAGES
from integration.harness import Bridge, Json, Simulator

from tests.integration.adaptation import CODEX, GPT, SONNET, schema_of, upstream_body

ALL_PAIRS = [(client, model) for client in ALL_DIALECTS for model in (GPT, CODEX, SONNET)]


def with_schema(client: str, name: str, schema: Json) -> Json:
    tool = ALL_DIALECTS[client].tool(name)
    if client in ("chat", "ollama"):
        tool["function"]["parameters"] = schema
    elif client == "gemini":
        tool["functionDeclarations"] = [{"name": name, "parametersJsonSchema": schema}]
    else:
        tool["input_schema" if client == "messages" else "parameters"] = schema
    return tool


UNION: Json = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "c": {"type": "string"}},
            "required": ["a", "c"],
        },
        {"$ref": "#/$defs/other"},
    ],
    "$defs": {"other": {"type": "object", "properties": {"c": {"type": "string"}}, "required": ["c"]}},
}


@pytest.mark.parametrize(("client", "model"), ALL_PAIRS)
@pytest.mark.parametrize(("given", "expected"), [
    ({"type": "object"}, {"type": "object"}),
    ({"properties": {}}, {"type": "object"}),
    ({"type": ["object", "null"], "properties": None, "required": None}, {"type": "object"}),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"q": {"type": "string"}}}}},
     {"type": "object", "properties": {"q": {"type": "string"}}}),
    (UNION, {"type": "object", "required": ["c"]}),
    ({"type": "object", "properties": [], "required": []}, {"properties": {}}),
])  # fmt: skip
def test_schemas_of_tools_are_adapted(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, given: Json, expected: Json
) -> None:
    body = ALL_DIALECTS[client].body(mark, model, tools=[with_schema(client, "f", given)])
    schema = schema_of(upstream_body(bridge, simulator, mark, client, body))
    assert expected.items() <= schema.items()
    assert None not in schema.values()
    assert not schema.keys() & {"anyOf", "$ref"}
    if model != SONNET or client == "chat":
        assert isinstance(schema["properties"], dict)
    if given is UNION:
        assert schema["properties"].keys() == {"a", "c"}
        assert '"required":["a","c"]' in schema["description"]


FORM: Json = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many"},
        "s": {"type": "string", "maxLength": 5},
        "o": {"type": ["object", "null"], "properties": {"x": {"type": "string", "pattern": "^a"}}},
    },
    "required": ["n"],
}


def with_output_format(client: str, schema: Json) -> Json:
    named = {"type": "json_schema", "name": "f", "schema": schema}
    forms: dict[str, Json] = {
        "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        "responses": {"text": {"format": named}},
        "gemini": {
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
        },
        "ollama": {"format": schema},
    }
    return forms[client]


@pytest.mark.parametrize("client", ALL_DIALECTS)
def test_an_output_format_is_sent_as_claude_takes_it(
    bridge: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    body = ALL_DIALECTS[client].body(mark, "claude-opus-4.6", **with_output_format(client, FORM))
    sent = upstream_body(bridge, simulator, mark, client, body)
    format_ = sent["response_format"]["json_schema"] if client == "chat" else sent["output_config"]["format"]
    schema = format_["schema"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["n"]
    format_ = schema["properties"]
    assert format_["n"] == {"type": "integer", "description": "How many\n\n{minimum: 1, maximum: 9}"}
    assert format_["s"] == {"type": "string", "description": "{maxLength: 5}"}
    inner, nothing = format_["o"]["anyOf"]
    assert (inner["additionalProperties"], nothing) == (False, {"type": "null"})
    assert inner["properties"]["x"] == {"type": "string", "description": '{pattern: "^a"}'}


FORMS: list[tuple[Json, Json]] = [
    ({"oneOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
     {"anyOf": [{"type": "string", "description": "{minLength: 2}"}, {"type": "null"}]}),
    ({"type": "array", "items": {"type": "number", "multipleOf": 2}, "minItems": 3, "uniqueItems": True},
     {"type": "array", "items": {"type": "number", "description": "{multipleOf: 2}"},
      "description": "{minItems: 3, uniqueItems: true}"}),
    ({"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "properties": {"q": {}}, "maxProperties": 4}}},
     {"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "properties": {"q": {}},
      "additionalProperties": False, "description": "{maxProperties: 4}"}}}),
]  # fmt: skip


@pytest.mark.parametrize("name", ["output_config", "output_format"])
@pytest.mark.parametrize(("given", "expected"), FORMS)
def test_an_output_format_is_adapted_though_it_is_passed_on(
    bridge: Bridge, simulator: Simulator, mark: str, name: str, given: Json, expected: Json
) -> None:
    """Under either of its names; upstream refuses it as it came, and hears of it once."""
    form = with_output_format("messages", {"type": "object", "properties": {"a": given}})
    if name == "output_format":
        form = {name: form["output_config"]["format"]}
    sent = upstream_body(bridge, simulator, mark, "messages", MESSAGES.body(mark, "claude-opus-4.6", **form))
    assert "output_format" not in sent
    format_ = sent["output_config"]["format"]
    assert format_["type"] == "json_schema"
    assert format_["schema"]["additionalProperties"] is False
    assert format_["schema"]["properties"]["a"] == expected


@pytest.mark.parametrize(("schema", "strict"), [
    ({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, True),
    ({"type": "object", "properties": {"s": {"type": "string", "minLength": 2}}, "required": ["s"]}, True),
    ({"type": "object", "properties": {"n": {"type": "integer"}}}, None),
    ({"type": "object", "additionalProperties": {"type": "string"}}, None),
])  # fmt: skip
@pytest.mark.parametrize("model", [GPT, CODEX])
def test_an_output_format_is_strict_where_openai_can_be(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, schema: Json, strict: bool | None
) -> None:
    sent = upstream_body(
        bridge,
        simulator,
        mark,
        "messages",
        MESSAGES.body(mark, model, **with_output_format("messages", schema)),
    )
    format_ = sent["response_format"]["json_schema"] if model == GPT else sent["text"]["format"]
    assert format_.get("strict") is strict
    if strict:
        assert format_["schema"]["additionalProperties"] is False
        assert format_["schema"]["required"] == [*format_["schema"]["properties"]]
    else:
        assert format_["schema"] == schema
