"""The Messages API of the simulator: responses and refusals."""

import json
from typing import Any

import pytest
from simulator_calls import Client, named_events

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [{"name": name, "input_schema": SCHEMA} for name in ("get_weather", "get_news")]
THINK = {"type": "enabled", "budget_tokens": 1024}
MARK = {"type": "ephemeral"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
}


def events(
    client: Client, asked: object, model: str = "claude-sonnet-4.5", **body: Any
) -> list[dict[str, Any]]:
    return named_events(client.message(asked, model, stream=True, **body).content)


def deltas(found: list[dict[str, Any]], field: str) -> str:
    inside = (event["delta"] for event in found if event["type"] == "content_block_delta")
    return "".join(delta.get(field, "") for delta in inside)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": content, **more}


def test_a_text_is_streamed_as_named_events(client: Client) -> None:
    response = client.message("hello", stream=True)
    assert response.content.endswith(
        b'event: message_stop\ndata: {"type":"message_stop"}\n\ndata: [DONE]\n\n'
    )
    found = named_events(response.content)
    types = list(dict.fromkeys(event["type"] for event in found))
    assert types == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert found[0]["message"]["id"].startswith(("msg_bdrk_", "msg_vrtx_"))
    assert deltas(found, "text").startswith('You said: "hello". I am Claude Sonnet 4.5')
    assert sum("copilot_annotations" in event for event in found) == 1
    last = found[-2]
    assert last["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert last["usage"]["input_tokens"] > 0
    assert last["copilot_usage"]["total_nano_aiu"] > 0
    assert last["context_management"] == {"applied_edits": []}


def test_a_whole_response_is_a_message(client: Client) -> None:
    response = client.message("hello").json()
    assert response.keys() == {
        *("id", "type", "role", "model", "content", "stop_reason", "stop_sequence"),
        *("context_management", "usage", "copilot_usage"),
    }
    assert [block["type"] for block in response["content"]] == ["text"]
    assert client.message("[[sim:empty]] hello").json()["content"] == []


def test_tool_calls_are_streamed_in_pieces(client: Client) -> None:
    found = events(client, "[[sim:tools]] Oslo", tools=TOOLS)
    opened = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert [block["type"] for block in opened] == ["text", "tool_use", "tool_use"]
    assert all(block["id"].startswith(("toolu_bdrk_", "toolu_vrtx_")) for block in opened[1:])
    assert deltas(found, "partial_json") == '{"city":"Oslo"}' * 2
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    one = {"type": "auto", "disable_parallel_tool_use": True}
    whole = client.message("get_weather and get_news in Oslo", tools=TOOLS, tool_choice=one).json()
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "none"}, []),
        ({"type": "any"}, ["get_weather"]),
        ({"type": "tool", "name": "get_news"}, ["get_news"]),
    ],
)
def test_a_tool_choice_is_followed(client: Client, choice: object, called: list[str]) -> None:
    content = client.message("hello", tools=TOOLS, tool_choice=choice).json()["content"]
    assert [block["name"] for block in content if "name" in block] == called


def test_anthropics_client_tools_are_called(client: Client) -> None:
    tools = [{"type": "bash_20250124", "name": "bash"}]
    content = client.message("use bash on 'ls'", tools=tools).json()["content"]
    assert content[1]["input"] == {"command": "ls"}


def conversation(*results: dict[str, Any]) -> list[dict[str, Any]]:
    calls = [
        {"type": "tool_use", "id": one["tool_use_id"], "name": "get_news", "input": {}} for one in results
    ]
    return [user(text("hello")), {"role": "assistant", "content": calls}, user(*results)]


def result(content: Any, index: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"toolu_{index}", "content": content, **more}


def test_results_are_quoted(client: Client) -> None:
    asked = conversation(
        result("rain"), result([text("a cat"), PNG], 2), result("no such file", 3, is_error=True)
    )
    response_text = client.message(asked, tools=TOOLS).json()["content"][0]["text"]
    assert "rain a cat [image/png of 8 bytes] error: no such file." in response_text
    apart = [*asked[:2], *(user(one) for one in asked[2]["content"])]
    assert client.message(apart, tools=TOOLS).status_code == 200


def test_images_and_documents_are_seen(client: Client) -> None:
    response_block = client.message([user(PNG, PDF, text("look"))]).json()["content"][0]["text"]
    assert response_block.startswith(
        "I see 1 image (image/png of 8 bytes) and 1 document (application/pdf of 3 bytes)."
    )


def test_images_need_their_header(client: Client) -> None:
    sent = {"model": "claude-sonnet-4.5", "max_tokens": 100, "messages": conversation(result([PNG]))}
    response = client.request("POST", "/v1/messages", json=sent, headers=client.headers())
    assert "Copilot-Vision-Request" in response.text


def test_a_schema_is_obeyed(client: Client) -> None:
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    response = client.message("Tell me of Rome", "claude-opus-4.6", output_config=config).json()
    assert json.loads(response["content"][0]["text"]) == {"city": "Rome"}


def test_each_stop_reason_can_occur(client: Client) -> None:
    cut = client.message("hello", max_tokens=2).json()
    assert (cut["stop_reason"], cut["content"][0]["text"]) == ("max_tokens", "You said")
    assert client.message("[[sim:length]] hello").json()["stop_reason"] == "max_tokens"
    stopped = client.message("hello", stop_sequences=["I am", "never"]).json()
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "I am")
    assert stopped["content"][0]["text"] == 'You said: "hello". '
    refused = events(client, "[[sim:refusal]] hello")
    assert refused[-2]["delta"]["stop_details"]["type"] == "refusal"
    assert not [event for event in refused if event["type"].startswith("content")]
    broken = client.message("[[sim:error-in-stream]] hello", stream=True).content
    assert named_events(broken)[-1]["error"]["type"] == "overloaded_error"
    assert b"[DONE]" not in broken


def test_sizes_made_to_order_are_not_cut(client: Client) -> None:
    response = client.message("[[sim:response-size bytes=50000]]", max_tokens=10).json()
    assert len(response["content"][0]["text"]) == 50000


def test_prefill_is_accepted(client: Client) -> None:
    asked = [user(text("hello")), {"role": "assistant", "content": "You"}]
    assert client.message(asked).status_code == 200


def test_thinking_is_streamed_with_its_signature(client: Client) -> None:
    found = events(client, "[[sim:redacted]] hello", thinking=THINK)
    opened = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert [block["type"] for block in opened] == ["thinking", "redacted_thinking", "text"]
    assert opened[0] == {"type": "thinking", "thinking": "", "signature": ""}
    assert opened[1]["data"]
    whole = client.message("hello", thinking=THINK).json()["content"]
    assert deltas(found, "thinking") == whole[0]["thinking"]
    assert deltas(found, "signature").startswith("EqQB")
    adaptive = events(client, "hello", "claude-opus-4.6", thinking={"type": "adaptive"})
    assert adaptive[-2]["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_newest_models_keep_their_thoughts(client: Client) -> None:
    thinking = {"type": "adaptive"}
    silent = client.message("hello", "claude-opus-4.7", persona="individual", thinking=thinking).json()
    assert (silent["content"][0]["thinking"], bool(silent["content"][0]["signature"])) == ("", True)
    thinking["display"] = "summarized"
    response = client.message("hello", "claude-opus-4.7", persona="individual", thinking=thinking).json()
    assert response["content"][0]["thinking"]


def test_signatures_are_accepted_from_their_owner_only(client: Client) -> None:
    """Signatures may come back from their owner, unchanged."""
    given = client.message("[[sim:redacted]] hello", thinking=THINK).json()["content"]

    def replay(who: Client, **changes: Any) -> Any:
        blocks = [given[0] | changes, *given[1:]]
        return who.message(
            [user(text("hello")), {"role": "assistant", "content": blocks}, user(text("more"))]
        )

    assert replay(client).status_code == 200
    for refused in (
        replay(client, signature="EqQBfake=="),
        replay(client, thinking="changed"),
        replay(Client(client.url)),
    ):
        assert refused.status_code == 400
        error = refused.json()
        assert error["type"] == "error"
        assert error["error"]["type"] == "invalid_request_error"
        assert error["error"]["message"] == "messages.1.content.0: Invalid `signature` in `thinking` block"
        assert error["request_id"].startswith("req_")


def test_a_directive_refuses_the_signatures_of_thinking(client: Client) -> None:
    given = client.message("hello", thinking=THINK).json()["content"]
    again = f"[[sim:bad-signature once={client.suffix}]] more"
    asked = [user(text("hello")), {"role": "assistant", "content": given}, user(text(again))]
    assert "Invalid `signature`" in client.message(asked).text
    assert client.message(asked).status_code == 200
    assert client.message("[[sim:bad-signature]] hello").status_code == 200


def test_a_directive_refuses_extra_inputs(client: Client) -> None:
    betas = "context-management-2025-06-27"
    asked = f"[[sim:extra-inputs field=context_management once={client.suffix}]] hello"
    edits: dict[str, Any] = {"context_management": {"edits": []}, "betas": betas}
    first = client.message(asked, **edits)
    assert first.json()["error"]["message"] == "context_management: Extra inputs are not permitted"
    assert client.message(asked, **edits).status_code == 200
    strict = [TOOLS[0] | {"strict": True}]
    asked = "[[sim:extra-inputs field=tools.0.custom.strict]] hello"
    assert client.message(asked, tools=strict).status_code == 400
    assert client.message(asked, tools=TOOLS).status_code == 200


def test_tokens_are_counted(client: Client) -> None:
    path = "/v1/messages/count_tokens"
    asked = f"[[sim:status code=500 once={client.suffix}]] hello"
    assert [client.message(asked, path=path, max_tokens=None).status_code for _ in range(2)] == [500, 200]
    assert client.message(asked).status_code == 500
    counted = client.message("[[sim:think]] hello", path=path, max_tokens=None).json()
    assert counted.keys() == {"input_tokens"}
    more = client.message("[[sim:think]] hello", path=path, tools=TOOLS, system="Be brief.").json()
    assert more["input_tokens"] > counted["input_tokens"]
    marked = client.message([user(text("hello " * 100, cache_control=MARK))]).json()["usage"]
    total = client.message([user(text("hello " * 100))], path=path).json()["input_tokens"]
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert sum(marked[part] for part in parts) == total
    assert all(marked[part] for part in parts)


def test_a_flood_has_all_of_its_events(client: Client) -> None:
    found = events(client, "[[sim:flood events=300 size=20 gap=0]]")
    assert len(deltas(found, "text")) == 300 * 20
    assert client.message("[[sim:flood shape=claude]]", stream=True).status_code == 400


EXTRA = "Extra inputs are not permitted"
BEYOND = [text("x", cache_control=MARK)] * 5
ASKING = user(text("hello"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 32001, "stream": True}, "max_tokens: 32001 > 32000"),
        ({"max_tokens": 16001}, "Streaming is required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported"),
        ({"thinking": {"type": "hard"}}, "thinking: Input tag 'hard'"),
        ({"thinking": True}, "thinking: Input should be a valid dictionary"),
        ({"thinking": THINK, "tools": TOOLS, "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"thinking": THINK, "temperature": 0.5}, "`temperature` may only be set to 1"),
        ({"temperature": 0.5, "top_p": 0.9}, "cannot both be specified"),
        ({"messages": [user(*BEYOND)]}, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        ({"betas": "claude-code-20250219"}, "`claude-code-20250219` for the `anthropic-beta` header"),
        ({"messages": [ASKING, {"role": "system", "content": "x"}]}, 'messages: Unexpected role "system"'),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": []}, "at least one message"),
        ({"service_tier": "auto"}, f"service_tier: {EXTRA}"),
        ({"speed": "fast"}, f"speed: {EXTRA}"),
        ({"container": "x"}, f"container: {EXTRA}"),
        ({"mcp_servers": []}, f"mcp_servers: {EXTRA}"),
        ({"inference_geo": "us"}, f"inference_geo: {EXTRA}"),
        ({"cache_control": MARK}, f"cache_control: {EXTRA}"),
        ({"context_management": {}}, f"context_management: {EXTRA}"),
        ({"output_config": {"effort": "low"}}, "does not support reasoning effort"),
        (
            {"system": [text("x", cache_control={**MARK, "ttl": "1h"})]},
            f"system.0.cache_control.ephemeral.ttl: {EXTRA}",
        ),
        (
            {"messages": [user(text("x", cache_control={**MARK, "scope": "global"}))]},
            f"messages.0.content.0.text.cache_control.ephemeral.scope: {EXTRA}",
        ),
        (
            {"tools": [TOOLS[0] | {"eager_input_streaming": True}]},
            f"tools.0.custom.eager_input_streaming: {EXTRA}",
        ),
        ({"tools": [TOOLS[0] | {"defer_loading": True}]}, f"tools.0.custom.defer_loading: {EXTRA}"),
        ({"tools": [TOOLS[0] | {"foo": 1}]}, f"tools.0.custom.foo: {EXTRA}"),
        ({"messages": [ASKING | {"id": "x"}]}, f"messages.0.id: {EXTRA}"),
        ({"messages": [user(text("x", foo=None))]}, f"messages.0.content.0.text.foo: {EXTRA}"),
        ({"messages": [user(PNG | {"foo": 1})]}, f"messages.0.content.0.image.foo: {EXTRA}"),
        (
            {"messages": [user(PNG | {"source": PNG["source"] | {"foo": 1}})]},
            f"messages.0.content.0.image.source.base64.foo: {EXTRA}",
        ),
        (
            {"messages": conversation(result([text("x", index=0)]))},
            f"messages.2.content.0.tool_result.content.0.text.index: {EXTRA}",
        ),
        ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "web search tool is not supported",
        ),
        ({"tools": [{"type": "code_execution_20250522", "name": "x"}]}, "code_execution_20250522"),
        ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found"),
        ({"messages": [user(text(""))]}, "text content blocks must be non-empty"),
        ({"messages": [user({"type": "nonsense"})]}, "Input tag 'nonsense'"),
        ({"messages": [user(result("x"))]}, "unexpected `tool_use_id` found"),
        ({"messages": [*conversation(result("x"))[:2], ASKING]}, "without `tool_result` blocks"),
        (
            {"messages": [user({"type": "image", "source": {"type": "url", "url": "https://x.example/"}})]},
            "external image",
        ),
    ],
)
def test_invalid_bodies_are_refused(client: Client, body: dict[str, Any], message: str) -> None:
    response = client.message(body.pop("messages", "hello"), **body)
    assert response.status_code == 400
    error = response.json()
    assert message in error.get("error", error)["message"]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "object"}, "For 'object' type, 'additionalProperties' must be explicitly set to false"),
        ({"type": "integer", "minimum": 1}, "For 'integer' type, property 'minimum' is not supported"),
        ({"type": ["string", "null"], "maxLength": 9}, "For 'string' type, property 'maxLength'"),
        ({"type": "array", "minItems": 2}, "For 'array' type, 'minItems' values other than 0 or 1"),
        ({"anyOf": [{"type": "array", "items": {"type": "number", "multipleOf": 2}}]}, "'multipleOf'"),
        ({"oneOf": [{"type": "string"}]}, "Schema type 'oneOf' is not supported"),
    ],
)
def test_schemas_beyond_the_subset_are_refused(client: Client, schema: dict[str, Any], message: str) -> None:
    whole = SCHEMA | {"properties": {"city": schema}}
    config = {"format": {"type": "json_schema", "schema": whole}}
    response = client.message("Tell me of Rome", "claude-opus-4.6", output_config=config)
    assert response.status_code == 400
    error_message = response.json()["error"]["message"]
    assert error_message.startswith("output_config.format.schema: ")
    assert message in error_message


@pytest.mark.parametrize(
    ("thinking", "message"),
    [
        (THINK, "thinking.type.enabled"),
        ({"type": "adaptive", "budget_tokens": 1024}, f"thinking.adaptive.budget_tokens: {EXTRA}"),
    ],
)
def test_adaptive_models_refuse_budgets(client: Client, thinking: dict[str, Any], message: str) -> None:
    response = client.message("hello", "claude-opus-4.7", persona="individual", thinking=thinking)
    assert (response.status_code, message in response.text.replace('\\"', "")) == (400, True)
    assert client.message("hello", "claude-opus-4.6", thinking=THINK).status_code == 200


@pytest.mark.parametrize(
    ("betas", "body"),
    [
        ("interleaved-thinking-2025-05-14", {"thinking": THINK}),
        ("context-management-2025-06-27", {"context_management": {"edits": []}}),
        (
            "advanced-tool-use-2025-11-20, interleaved-thinking-2025-05-14",
            {"tools": [TOOLS[0] | {"defer_loading": True}]},
        ),
    ],
)
def test_betas_open_what_is_closed(client: Client, betas: str, body: dict[str, Any]) -> None:
    assert client.message("hello", betas=betas, **body).status_code == 200


def test_models_without_this_api_are_refused(client: Client) -> None:
    for model in ("gpt-4o", "gpt-5.2"):
        error = client.message("hello", model).json()["error"]
        assert error["code"] == "unsupported_api_for_model"


def test_an_overflow_has_anthropics_words(client: Client) -> None:
    error = client.message("[[sim:refuse name=overflow]] hello").json()["error"]
    assert error["message"].startswith("prompt is too long: ")
    assert error["code"] == "model_max_prompt_tokens_exceeded"
    response = client.message("[[sim:pieces size=3]] hello", stream=True)
    assert response.headers["x-quota-snapshot-premium_interactions"]
    assert named_events(response.content)[-1]["type"] == "message_stop"
    shaped = client.message("[[sim:status code=529 body=anthropic error=overloaded_error]] hello")
    assert (shaped.status_code, shaped.json()["error"]["type"]) == (529, "overloaded_error")
    assert "acts on responses only" in client.message("[[sim:failed]] hello").text
