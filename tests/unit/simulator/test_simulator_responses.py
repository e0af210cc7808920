"""The Responses API of the simulator: responses and refusals."""

import json
from typing import Any

import pytest
from simulator_calls import Client, named_events

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "name": "get_weather", "parameters": SCHEMA},
    {"type": "custom", "name": "apply_patch"},
]
SEALED = ["reasoning.encrypted_content"]
PNG = "data:image/png;base64,iVBORw0KGgo="
OPAQUE = "A" * 399 + "="


def events(client: Client, asked: object, model: str = "gpt-5.2", **body: Any) -> list[dict[str, Any]]:
    return named_events(client.response(asked, model, stream=True, **body).content)


def items(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The finished items, with their genuine ids."""
    return [event["item"] for event in found if event["type"] == "response.output_item.done"]


def deltas(found: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in found if event["type"] == f"response.{kind}.delta")


def ids_in(value: Any) -> list[str]:
    """Every id of the wire, of items and of responses."""
    if isinstance(value, list):
        return [found for one in value for found in ids_in(one)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("id", "item_id") if name in value]
    return own + [found for one in value.values() for found in ids_in(one)]


def test_a_text_is_streamed_as_items(client: Client) -> None:
    found = events(client, "hello")
    assert [event["type"] for event in found[:6]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert all(event["obfuscation"] for event in found if event["type"].endswith(".delta"))
    text = deltas(found, "output_text")
    assert text.startswith('You said: "hello". I am GPT-5.2')
    ended = found[-1]["response"]
    assert (found[-1]["type"], ended["status"]) == ("response.completed", "completed")
    assert ended["output"][1]["content"][0]["text"] == text
    assert ended["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    assert ended["copilot_usage"]["total_nano_aiu"] > 0
    assert not ended.keys() & {"store", "metadata"}


def test_no_id_comes_twice(client: Client) -> None:
    found = ids_in(events(client, "[[sim:tools]] Paris", tools=TOOLS))
    assert len(found) == len(set(found))
    assert all(len(one) == 400 for one in found)


def test_a_whole_response_is_a_response(client: Client) -> None:
    response = client.response("hello").json()
    assert response["output_text"] is None
    assert not response.keys() & {"store", "metadata"}
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
    assert response["output"][0]["summary"] == []
    assert "encrypted_content" not in response["output"][0]
    assert "status" not in response["output"][0]


def test_reasoning_is_encrypted_on_request(client: Client) -> None:
    found = events(client, "hello", include=SEALED, reasoning={"summary": "auto"})
    added = next(event["item"] for event in found if event["type"] == "response.output_item.added")
    assert (added["summary"], added["encrypted_content"]) == ([], "")
    reasoning = items(found)[0]
    assert reasoning["summary"][0]["text"]
    assert reasoning["encrypted_content"].startswith("gAAAAAB")
    assert not deltas(found, "reasoning_summary_text")
    streamed = events(client, "[[sim:late-summary]] hello")
    assert deltas(streamed, "reasoning_summary_text") == items(streamed)[0]["summary"][0]["text"]


def test_tool_calls_are_streamed_in_pieces(client: Client) -> None:
    found = events(client, "[[sim:tools]] Paris", tools=TOOLS)
    _reasoning, function, custom = items(found)
    assert deltas(found, "function_call_arguments") == function["arguments"] == '{"city":"Paris"}'
    assert deltas(found, "custom_tool_call_input") == custom["input"] == "Paris"
    tool = found[-1]["response"]["tools"][0]
    assert (tool["strict"], tool["parameters"]["additionalProperties"]) == (True, False)
    bare = events(client, "[[sim:tools]] [[sim:deltas-missing]] Paris", tools=TOOLS)
    assert not [event for event in bare if event["type"].endswith(".delta")]
    assert items(bare)[1]["arguments"] == '{"city":"Paris"}'


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "custom", "name": "apply_patch"}, ["apply_patch"]),
    ],
)
def test_a_tool_choice_is_followed(client: Client, choice: object, called: list[str]) -> None:
    output = client.response("hello", tools=TOOLS, tool_choice=choice).json()["output"]
    assert [item["name"] for item in output if "name" in item] == called


def test_output_items_can_be_sent_back(client: Client) -> None:
    """The encrypted reasoning of a stream and of a whole response; the genuine ids are too long for HTTP."""
    question = {"role": "user", "content": "[[sim:tools]] Paris"}
    body = {"tools": TOOLS[:1], "include": SEALED}
    for output in (
        items(events(client, [question], **body)),
        client.response([question], **body).json()["output"],
    ):
        result = {"type": "function_call_output", "call_id": output[1]["call_id"], "output": "12 degrees"}
        refused = client.response([question, *output, result], **body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "string_above_max_length")
        assert "Invalid 'input[1].id': string too long." in refused.text
        named = [{key: value for key, value in item.items() if key != "id"} for item in output]
        response = client.response([question, *named, result], **body)
        assert "The tool answered: 12 degrees." in response.json()["output"][1]["content"][0]["text"]


def test_ids_of_other_events_do_not_belong(client: Client) -> None:
    found = events(client, "[[sim:tools]] Paris", tools=TOOLS[:1])
    result = {"type": "function_call_output", "call_id": items(found)[1]["call_id"], "output": "fine"}
    for wrong in (found[-1]["response"]["output"][1], items(found)[1] | {"id": OPAQUE}):
        response = client.response([{"role": "user", "content": "hello"}, wrong, result])
        assert response.status_code == 401
        assert response.text == "input item ID does not belong to this connection\n"
        other = Client(client.url)
        foreign = other.response([{"role": "user", "content": "hello"}, items(found)[1], result])
        assert foreign.status_code == 401


def test_results_with_images_are_quoted(client: Client) -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    parts = [{"type": "input_text", "text": "a cat"}, {"type": "input_image", "image_url": PNG}]
    result = {"type": "function_call_output", "call_id": "call_1", "output": parts}
    sent = {"model": "gpt-5.2", "input": [{"role": "user", "content": "hello"}, call, result]}
    headers = client.headers(Copilot_Vision_Request="true")
    response = client.request("POST", "/responses", json=sent, headers=headers).json()
    assert "a cat [image/png of 8 bytes]" in response["output"][1]["content"][0]["text"]


def test_images_and_files_are_seen(client: Client) -> None:
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}
    parts = [{"type": "input_image", "image_url": PNG}, file, {"type": "input_text", "text": "look"}]
    sent = {"model": "gpt-5.2", "input": [{"role": "user", "content": parts}]}
    headers = client.headers()
    assert "Copilot-Vision-Request" in client.request("POST", "/responses", json=sent, headers=headers).text
    headers["Copilot-Vision-Request"] = "true"
    response = client.request("POST", "/responses", json=sent, headers=headers).json()
    text = response["output"][1]["content"][0]["text"]
    assert text.startswith(
        "I see 1 image (image/png of 8 bytes) and 1 document (application/pdf of 3 bytes)."
    )


def test_a_schema_is_obeyed(client: Client) -> None:
    text = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}
    response = client.response("Tell me of Rome", text=text).json()
    assert json.loads(response["output"][1]["content"][0]["text"]) == {"city": "Rome"}


@pytest.mark.parametrize(
    ("asked", "body", "reason"),
    [
        ("hello", {"max_output_tokens": 16}, "max_output_tokens"),
        ("[[sim:length]] hello", {}, "max_output_tokens"),
        ("[[sim:content-filter]] hello", {}, "content_filter"),
    ],
)
def test_an_incomplete_response_says_why(
    client: Client, asked: str, body: dict[str, Any], reason: str
) -> None:
    found = events(client, asked, **body)
    assert found[-1]["type"] == "response.incomplete"
    for response in (found[-1]["response"], client.response(asked, **body).json()):
        assert response["status"] == "incomplete"
        assert response["incomplete_details"] == {"reason": reason}
    assert items(found)[-1]["status"] == "incomplete"


def test_a_cut_call_is_half_json(client: Client) -> None:
    long = {"type": "object", "properties": {"x" * 80: {"type": "string"}}}
    tools = [{"type": "function", "name": "f", "parameters": long}]
    call = items(events(client, "call f", tools=tools, max_output_tokens=16))[-1]
    assert (call["status"], len(call["arguments"])) == ("incomplete", 32)


def test_a_response_that_ends_otherwise_says_why(client: Client) -> None:
    refusal = events(client, "[[sim:refusal]] hello")
    assert deltas(refusal, "refusal") == items(refusal)[-1]["content"][0]["refusal"]
    failed = events(client, "[[sim:failed]] hello")[-1]
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", "server_error")
    assert client.response("[[sim:failed]] hello").json()["status"] == "failed"
    error = events(client, "[[sim:error-in-stream code=oops]] hello")[-1]
    assert (error["type"], error["code"], error["param"]) == ("error", "oops", None)
    assert not client.response("hello", stream=True).content.endswith(b"data: [DONE]\n\n")
    assert client.response("[[sim:done-marker]] hello", stream=True).content.endswith(b"data: [DONE]\n\n")


def test_a_flood_has_all_of_its_events(client: Client) -> None:
    found = events(client, "[[sim:flood events=300 size=20 gap=0]]")
    assert len(deltas(found, "output_text")) == 300 * 20
    assert len({event["item_id"] for event in found if "item_id" in event}) == 1
    assert client.response("[[sim:flood shape=azure]]", stream=True).status_code == 400


ASKING = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"store": True}, "unsupported_value", "store is not supported"),
        ({"background": True}, "unsupported_value", "background"),
        ({"service_tier": "flex"}, "unsupported_value", "service_tier"),
        ({"max_output_tokens": 15}, "invalid_request_body", "Expected a value >= 16"),
        ({"reasoning": {"effort": "minimal"}}, "unsupported_value", "minimal"),
        ({"reasoning": "high"}, "invalid_type", "reasoning"),
        ({"temperature": 0.5}, "invalid_request_body", "temperature"),
        *(
            ({"tools": [{"type": kind}]}, "invalid_request_body", kind)
            for kind in ("code_interpreter", "file_search", "image_generation", "computer_use", "mcp")
        ),
        ({"input": []}, "invalid_request_body", "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "invalid_request_body", "item_reference"),
        ({"input": [{"type": "nonsense"}]}, "invalid_request_body", "nonsense"),
        (
            {"input": [ASKING, {"type": "function_call", "id": "call_1", "call_id": "1", "name": "f"}]},
            "invalid_request_body",
            "begins with 'fc'",
        ),
        (
            {"input": [ASKING, {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "f"}]},
            "invalid_request_body",
            "No tool output found",
        ),
        (
            {"input": [ASKING, {"type": "function_call_output", "call_id": "1", "output": ""}]},
            "invalid_request_body",
            "No tool call found",
        ),
        (
            {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}]},
            "invalid_encrypted_content",
            "could not be verified",
        ),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": "https://x.example/"}]}
                ]
            },
            "invalid_request_body",
            "external image",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
            "invalid_request_body",
            "file_data",
        ),
    ],
)
def test_invalid_bodies_are_refused(client: Client, body: dict[str, Any], code: str, text: str) -> None:
    response = client.response("hello", **body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert text in response.json()["error"]["message"]


def test_a_previous_response_is_refused_over_http(client: Client) -> None:
    response = client.response("hello", previous_response_id="resp_1")
    assert (response.status_code, response.json()["code"]) == (400, "previous_response_not_found")


def test_models_without_this_api_are_refused(client: Client) -> None:
    for model in ("gpt-4o", "claude-sonnet-4.5"):
        error = client.response("hello", model).json()["error"]
        assert error["code"] == "unsupported_api_for_model"
        assert error["message"] == f"model {model} is not supported via Responses API."


def test_an_overflow_has_copilots_words(client: Client) -> None:
    response = client.response("[[sim:refuse name=overflow]] hello")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.endswith("}\n")
    assert "exceeds the context window" in response.json()["error"]["message"]


def test_headers_and_faults_are_those_of_chat(client: Client) -> None:
    response = client.response("[[sim:bytewise]] hello", stream=True)
    assert response.headers["x-quota-snapshot-premium_interactions"]
    assert named_events(response.content)[-1]["type"] == "response.completed"
    assert client.response("[[sim:status code=503]] hello").status_code == 503
    assert "acts on chat only" in client.response("[[sim:no-finish]] hello").text
