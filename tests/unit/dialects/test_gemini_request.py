"""Gemini requests: both spellings, what is refused and by which field, and what becomes of each part."""

import base64
import json

import pytest

from copilot_bridge.dialects.gemini import embeddings, prompt_reader, request
from copilot_bridge.dialects.gemini.json_schema import as_json_schema
from copilot_bridge.dialects.gemini.signatures import encode_signature
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    OutputFormat,
    Reasoning,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
FUNCTION = {"name": "f", "parameters": {"type": "OBJECT"}}


def read(**body):
    return request.read(json.dumps({"contents": [HELLO]} | body).encode(), "m", stream=False)


def prompt(**body):
    return prompt_reader.read_prompt(read(**body))


def config(**fields):
    return prompt(generationConfig=fields)


def messages_of(*contents):
    """The parts of each message."""
    return [message.parts for message in prompt(contents=[*contents]).messages]


def model(*parts):
    return {"role": "model", "parts": [*parts]}


def user(*parts):
    return {"role": "user", "parts": [*parts]}


def call(name="f", **fields):
    return {"functionCall": {"name": name, **fields}}


def result(response, name="f", **fields):
    return {"functionResponse": {"name": name, "response": response, **fields}}


# Spelling.


def test_each_field_is_read_in_both_spellings():
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"function_declarations": [FUNCTION]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "generation_config": {
            "max_output_tokens": 5,
            "top_p": 0.5,
            "stop_sequences": ["END"],
            "response_mime_type": "application/json",
            "thinking_config": {"thinking_budget": 2000, "include_thoughts": True},
        },
    }
    camel = {
        "systemInstruction": body["system_instruction"],
        "tools": [{"functionDeclarations": [FUNCTION]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 5,
            "topP": 0.5,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": True},
        },
    }
    assert read(**body) == read(**camel)
    assert prompt(**body).thinking_budget == 2000


def test_names_that_clients_make_themselves_keep_their_spelling():
    schema = {"type": "object", "properties": {"file_path": {"type": "string"}}}
    contents = [
        HELLO,
        model(call(args={"file_path": {"a_b": 1}})),
        user(result({"new_text": {"line_no": 1}})),
    ]
    found = prompt(
        contents=contents, tools=[{"functionDeclarations": [{"name": "f", "parameters_json_schema": schema}]}]
    )
    assert found.tools[0].schema["properties"] == schema["properties"]
    assert json.loads(found.messages[1].parts[0].arguments) == {"file_path": {"a_b": 1}}
    assert json.loads(found.messages[2].parts[0].parts[0].text) == {"new_text": {"line_no": 1}}


def test_a_single_value_stands_for_a_list():
    found = prompt(
        contents={"parts": {"text": "Hello"}},
        tools={"functionDeclarations": FUNCTION},
        generationConfig={"stopSequences": "END"},
    )
    assert [message.parts for message in found.messages] == [(Text("Hello"),)]
    assert ([tool.name for tool in found.tools], found.stop) == (["f"], ("END",))


def test_a_field_in_two_spellings_is_refused():
    with pytest.raises(InvalidRequest, match=r"generationConfig\.topP: given in two spellings"):
        read(generation_config={"top_p": 1, "topP": 0.5})


# What is refused, and by which field.

REFUSED = {
    "contents": {"contents": []},
    "contents.0": {"contents": ["Hello"]},
    "contents.0.parts": {"contents": [{"parts": "Hello"}]},
    "contents.0.parts.0": {"contents": [{"parts": ["Hello"]}]},
    "contents.0.role": {"contents": [{"role": "system", "parts": [{"text": "Hello"}]}]},
    "contents.0.parts.0.text": {"contents": [user({"text": 1})]},
    "contents.0.parts.0.functionCall": {"contents": [user(call())]},
    "contents.0.parts.0.functionResponse": {"contents": [user(result({}))]},
    "contents.1.parts.0.functionResponse": {"contents": [HELLO, model(result({}))]},
    "contents.1.parts.0.inlineData": {
        "contents": [HELLO, model({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})]
    },
    "contents.1.parts.0.functionCall.name": {"contents": [HELLO, model({"functionCall": {}})]},
    "contents.1.parts.0.functionCall.args": {"contents": [HELLO, model(call(args=[]))]},
    "contents.0.parts.0.inlineData.mimeType": {"contents": [user({"inlineData": {"data": "AAAA"}})]},
    "contents.0.parts.0.fileData": {
        "contents": [user({"fileData": {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf"}})]
    },
    "systemInstruction.parts": {"systemInstruction": {}},
    "systemInstruction.parts.0": {"systemInstruction": {"parts": [{"inlineData": {}}]}},
    "tools": {"tools": "f"},
    "tools.0.functionDeclarations.0.name": {"tools": [{"functionDeclarations": [{}]}]},
    "tools.0.telepathy": {"tools": [{"telepathy": {}}]},
    "toolConfig.functionCallingConfig.mode": {"toolConfig": {"functionCallingConfig": {"mode": "auto"}}},
    "generationConfig.candidateCount": {"generationConfig": {"candidateCount": 2}},
    "generationConfig.maxOutputTokens": {"generationConfig": {"maxOutputTokens": 0}},
    "generationConfig.temperature": {"generationConfig": {"temperature": "hot"}},
    "generationConfig.stopSequences.0": {"generationConfig": {"stopSequences": [1]}},
    "generationConfig.responseMimeType": {"generationConfig": {"responseMimeType": "text/x.enum"}},
    "generationConfig.responseSchema": {"generationConfig": {"responseSchema": []}},
    "generationConfig.responseModalities": {"generationConfig": {"responseModalities": ["IMAGE"]}},
    "generationConfig.responseLogprobs": {"generationConfig": {"responseLogprobs": True}},
    "generationConfig.thinkingConfig.thinkingLevel": {
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "DEEP"}}
    },
    "generationConfig.thinkingConfig.thinkingBudget": {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}
    },
    "cachedContent": {"cachedContent": "cachedContents/x"},
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_wrong_field_is_named(field):
    with pytest.raises(BridgeError) as caught:
        prompt(**REFUSED[field])
    assert caught.value.kind in ("invalid_request", "unsupported")
    assert caught.value.param == field
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize("name", ["", " ", "x" * 300])
def test_a_wrong_name_of_a_model_is_refused(name):
    with pytest.raises(InvalidRequest, match="model"):
        request.read(json.dumps({"contents": [HELLO]}).encode(), name, stream=False)


def test_the_model_is_that_of_the_path():
    assert read(model="models/another")["model"] == "m"
    names = ("m", "models/m", "tunedModels/m")
    assert {request.model_name(name) for name in names} == {"m"}


def test_optional_fields_are_left_out():
    plain = prompt()
    config_fields = ("topK", "seed", "presencePenalty", "frequencyPenalty", "mediaResolution")
    dropped = {"safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}], "labels": {"a": "b"}}
    assert {*dropped, *config_fields} <= {*prompt_reader.DROPPED}
    assert prompt(**dropped, generationConfig=dict.fromkeys(config_fields, 1)) == plain


# Settings.


def test_thinking_is_read_as_budget_or_effort():
    def thinking(**fields):
        found = config(thinkingConfig=fields)
        return found.thinking_budget, found.reasoning_effort

    assert thinking() == (None, None)
    assert thinking(thinkingBudget=-1) == (None, None)
    assert thinking(thinkingBudget=0) == (0, None)
    assert thinking(thinkingBudget=5000) == (5000, None)
    assert thinking(thinkingLevel="HIGH") == (None, "high")
    assert thinking(thinkingLevel="minimal") == (None, "minimal")
    assert thinking(thinkingLevel="THINKING_LEVEL_UNSPECIFIED") == (None, None)


def test_thoughts_are_shown_to_those_who_ask_for_them():
    def shown(**body):
        return prompt_reader.includes_thoughts(read(**body))

    assert shown(generationConfig={"thinkingConfig": {"includeThoughts": True}})
    assert not shown(generationConfig={"thinkingConfig": {"includeThoughts": False}})
    assert not shown(generationConfig={"thinkingConfig": None})
    assert not shown()


def test_a_schema_or_json_becomes_the_output_format():
    assert config().output_format is None
    assert config(responseMimeType="text/plain").output_format is None
    assert config(responseMimeType="application/json").output_format == OutputFormat(None)
    for name in ("responseSchema", "responseJsonSchema"):
        found = config(responseMimeType="application/json", **{name: {"type": "OBJECT"}})
        assert found.output_format == OutputFormat({"type": "object"})


SCHEMAS = {
    "types": ({"type": "STRING"}, {"type": "string"}),
    "several types": ({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}),
    "no type": ({"type": "TYPE_UNSPECIFIED", "title": "T"}, {"title": "T"}),
    "null allowed": ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
    "null not allowed": ({"type": "STRING", "nullable": False}, {"type": "string"}),
    "null among values": (
        {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
        {"type": ["string", "null"], "enum": ["a", None]},
    ),
    "null among types": (
        {"any_of": [{"type": "STRING"}], "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    "numbers as strings": (
        {"type": "ARRAY", "minItems": "1", "max_items": "2", "items": {"type": "INTEGER"}},
        {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}},
    ),
    "an example": ({"type": "STRING", "example": "a"}, {"type": "string", "examples": ["a"]}),
    "names of properties": (
        {"type": "OBJECT", "properties": {"max_items": {"type": "STRING"}, "type": {"type": "NUMBER"}}},
        {"type": "object", "properties": {"max_items": {"type": "string"}, "type": {"type": "number"}}},
    ),
    "inside definitions": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "OBJECT", "additionalProperties": {"type": "STRING"}}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_becomes_json_schema(name):
    given, expected = SCHEMAS[name]
    assert as_json_schema(given) == expected
    assert as_json_schema(expected) == expected


def test_properties_are_ordered():
    properties = {name: {"type": "STRING"} for name in "abc"}
    found = as_json_schema({"properties": properties, "propertyOrdering": ["c", "x", "a"]})
    assert [*found["properties"]] == ["c", "a", "b"]
    assert found.keys() == {"properties"}


def test_a_schema_that_is_nested_too_deeply_is_refused():
    schema = {"type": "STRING"}
    for _ in range(3000):
        schema = {"items": schema}
    body = {"model": "m", "contents": [HELLO], "generationConfig": {"responseSchema": schema}}
    with pytest.raises(InvalidRequest, match=r"^generationConfig\.responseSchema: "):
        prompt_reader.read_prompt(body)


FUNCTIONS = [{"functionDeclarations": [FUNCTION]}, {"functionDeclarations": [FUNCTION | {"name": "g"}]}]
CHOICES = [
    ({}, None, ["f", "g"]),
    ({"mode": "AUTO"}, ToolChoice("auto"), ["f", "g"]),
    ({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}, ToolChoice("auto"), ["g"]),
    ({"mode": "NONE"}, ToolChoice("none"), ["f", "g"]),
    ({"mode": "ANY"}, ToolChoice("required"), ["f", "g"]),
    ({"mode": "ANY", "allowedFunctionNames": ["g"]}, ToolChoice("tool", "g"), ["g"]),
    ({"mode": "ANY", "allowedFunctionNames": ["g", "f"]}, ToolChoice("required"), ["f", "g"]),
]


@pytest.mark.parametrize(("calling", "choice", "names"), CHOICES)
def test_the_choice_of_functions_is_read(calling, choice, names):
    found = prompt(tools=FUNCTIONS, toolConfig={"functionCallingConfig": calling})
    assert (found.tool_choice, [tool.name for tool in found.tools]) == (choice, names)


def test_googles_own_tools_are_left_out():
    tools = ("googleSearch", "googleSearchRetrieval", "urlContext", "codeExecution", "googleMaps")
    assert prompt(tools=[{tool: {}} for tool in tools]).tools == ()
    history = [
        HELLO,
        model({"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}, {"text": "One."}),
        HELLO,
    ]
    assert messages_of(*history)[1] == (Text("One."),)


# Parts.


def test_images_and_documents_are_read():
    pdf = {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg==", "displayName": "a.pdf"}}
    jpeg = {"inlineData": {"mimeType": "image/jpeg", "data": "_9j_4A=="}}
    ((picture, document),) = messages_of(user(jpeg, pdf))
    assert picture == Image("image/jpeg", "/9j/4A==")
    assert document == File("application/pdf", "JVBERg==", "a.pdf")


RESULTS = [
    ({"output": "text"}, "text", False),
    ({"output": {"a": 1}}, '{"a":1}', False),
    ({"result": "text"}, '{"result":"text"}', False),
    ({"output": "text", "exit": 1}, '{"output":"text","exit":1}', False),
    ({"error": "no file"}, "no file", True),
    ({"error": "no file", "code": 2}, '{"error":"no file","code":2}', False),
]


@pytest.mark.parametrize(("response", "text", "is_error"), RESULTS)
def test_a_functions_result_becomes_a_tool_result(response, text, is_error):
    _, _, (found,) = messages_of(HELLO, model(call(id="c")), user(result(response, id="c")))
    assert found == ToolResult("c", (Text(text),), is_error)


def test_an_empty_result_has_no_parts():
    _, _, (found,) = messages_of(HELLO, model(call(id="c")), user(result({}, id="c")))
    assert found == ToolResult("c", ())


def test_a_results_media_become_parts():
    blob = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    _, _, (found,) = messages_of(HELLO, model(call()), user(result({"output": "look"}, parts=[blob])))
    assert found.parts == (Text("look"), Image("image/png", "AAAA"))


def test_results_without_ids_belong_to_the_calls_of_their_functions_in_order():
    contents = (
        HELLO,
        model(call("f"), call("g"), call("f")),
        user(result({"output": "g"}, "g"), result({"output": "f1"}), result({"output": "f2"})),
        model(call("f")),
        user(result({"output": "f3"})),
    )
    messages = messages_of(*contents)
    calls = [part for parts in messages for part in parts if isinstance(part, ToolCall)]
    results = {
        part.id: part.parts[0].text for parts in messages for part in parts if isinstance(part, ToolResult)
    }
    assert len({call.id for call in calls}) == 4
    assert [results[call.id] for call in calls] == ["f1", "g", "f2", "f3"]


def test_a_result_with_an_id_leaves_the_other_calls_to_those_without():
    messages = messages_of(
        HELLO,
        model(call(id="a"), call()),
        user(result({"output": "first"}, id="a"), result({"output": "second"})),
    )
    assert [part.id for part in messages[2]] == [part.id for part in messages[1]]


def test_a_result_of_a_call_that_was_never_made_is_refused():
    with pytest.raises(InvalidRequest, match="no call of 'g' comes before"):
        messages_of(HELLO, model(call("f")), user(result({}, "g")))


def test_contents_of_the_model_in_a_row_are_one_message():
    """SDKs keep each chunk of a stream as a content."""
    sealed = encode_signature([("Hm.", {"messages": "sig=="})])
    messages = messages_of(
        HELLO,
        model({"text": "H", "thought": True}),
        model({"text": "m.", "thought": True}),
        model({"text": "I'll ", "thoughtSignature": sealed}),
        model({"text": "read."}),
        model(call(id="c")),
        user(result({"output": "x"}, id="c")),
    )
    assert messages[1] == (
        Reasoning("Hm.", {"messages": "sig=="}),
        Text("I'll read."),
        ToolCall("c", "f", "{}"),
    )


# Signatures.


def test_thoughts_without_a_signature_are_read_as_they_are():
    thought = {"text": "Hm.", "thought": True}
    assert messages_of(HELLO, model(thought, {"text": "Yes."}))[1] == (Reasoning("Hm."), Text("Yes."))


def test_a_signature_alone_is_no_part():
    sealed = encode_signature([("Hm.", {"chat": "sig=="})])
    reasoning = Reasoning("Hm.", {"chat": "sig=="})
    for part in ({"thoughtSignature": sealed}, {"text": "", "thoughtSignature": sealed}):
        assert messages_of(HELLO, model({"text": "Yes."}, part))[1] == (Text("Yes."), reasoning)


@pytest.mark.parametrize(
    "placeholder",
    ["skip_thought_signature_validator", base64.b64encode(b"skip_thought_signature_validator").decode()],
)
def test_a_placeholder_is_no_signature(placeholder):
    part = call(id="c") | {"thoughtSignature": placeholder}
    assert messages_of(HELLO, model(part), user(result({}, id="c")))[1] == (ToolCall("c", "f", "{}"),)


@pytest.mark.parametrize(
    "damaged", ["YnJpZGdlMS5bMV0=", "YnJpZGdlMS4=", "YnJpZGdlMS57fQ==", "?", "YQ==="[:1]]
)
def test_a_damaged_signature_is_left_out(damaged):
    part = {"text": "Yes.", "thoughtSignature": damaged}
    assert messages_of(HELLO, model(part))[1] == (Text("Yes."),)


def test_a_signature_of_googles_goes_back_to_google():
    part = call(id="c") | {"thoughtSignature": "c2lnbmF0dXJl"}
    found, _ = messages_of(HELLO, model(part), user(result({}, id="c")))[1]
    assert found.provider_details == {
        "google": {"extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}}}
    }


@pytest.mark.parametrize("alphabet", [str.maketrans("", ""), str.maketrans("+/", "-_")])
def test_a_signature_is_read_in_either_alphabet(alphabet):
    sealed = encode_signature([("\N{GRINNING FACE}?>~~\xff" * 9, {"chat": "sig=="})])
    part = {"text": "Yes.", "thoughtSignature": sealed.translate(alphabet).rstrip("=")}
    assert messages_of(HELLO, model(part))[1][0].provider_details == {"chat": "sig=="}


# The conversation, images and embeddings.


def test_the_initiator_follows_the_last_content():
    def turn(*contents):
        found = request.read_conversation(
            read(contents=[*contents], systemInstruction={"parts": [{"text": "S"}]})
        )
        assert found.system == ("S",)
        return found.initiator, found.turns, found.last

    assert turn(HELLO) == ("user", 1, "Hello")
    assert turn(HELLO, model(call()), user(result({}))) == ("agent", 1, "Hello")
    assert turn(HELLO, model({"text": "Yes?"}), user({"text": "Go on."})) == ("user", 2, "Go on.")


def test_the_images_of_a_request_are_found():
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    linked = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}
    body = read(contents=[user(picture, linked), model(call()), user(result({}, parts=[picture]))])
    found = [(image.where, image.from_tool) for image in request.images(body)]
    assert found == [
        ("contents.0.parts.0", False),
        ("contents.0.parts.1", False),
        ("contents.2.parts.0.functionResponse.parts.0", True),
    ]
    holders = [*request.image_holders(body)]
    assert request.image_url("w", holders[0].holder) is None
    assert request.image_url("w", holders[1].holder) == "https://example.com/a.png"


@pytest.mark.parametrize(
    "uri", ["gs://bucket/a.png", "https://generativelanguage.googleapis.com/v1beta/files/a", ""]
)
def test_files_at_google_are_refused(uri):
    with pytest.raises(Unsupported, match="inlineData"):
        request.image_url("w", {"fileData": {"mimeType": "image/png", "fileUri": uri}})


def test_counting_takes_a_whole_request_or_its_contents():
    inner = {"contents": [HELLO], "system_instruction": {"parts": [{"text": "S"}]}}
    for body in (inner, {"generate_content_request": inner | {"model": "models/m"}}):
        found = request.read_count(json.dumps(body).encode(), "models/m")
        assert (found["model"], found["contents"]) == ("m", [HELLO])
        assert "systemInstruction" in found


def embed(text, **more):
    return {"content": {"parts": [{"text": text}]}, **more}


def test_embeddings_are_asked_for_as_openais():
    single = embeddings.read_single(json.dumps(embed("a", taskType="X")).encode(), "models/m")
    assert single == {"model": "m", "input": ["a"]}
    requests = [embed("a", output_dimensionality=5), embed("b", outputDimensionality=5)]
    batch = embeddings.read_batch(json.dumps({"requests": requests}).encode(), "m")
    assert batch == {"model": "m", "input": ["a", "b"], "dimensions": 5}


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "requests"),
        (["a"], "requests.0"),
        ([{}], "requests.0.content"),
        ([embed("a"), {"content": {"parts": [{"inlineData": {}}]}}], "requests.1.content.parts.0.text"),
        ([embed("a", outputDimensionality=0)], "requests.0.outputDimensionality"),
        ([embed("a", outputDimensionality=1), embed("b")], "requests.0.outputDimensionality"),
    ],
)
def test_wrong_embeddings_are_refused_by_their_field(requests, field):
    with pytest.raises(BridgeError) as caught:
        embeddings.read_batch(json.dumps({"requests": requests}).encode(), "m")
    assert caught.value.param == field


def test_embeddings_are_answered_as_googles():
    response = json.dumps({"data": [{"embedding": [0.5, 1.0]}]}).encode()
    assert json.loads(embeddings.write_single([response])) == {"embedding": {"values": [0.5, 1.0]}}
    assert json.loads(embeddings.write_batch([response])) == {"embeddings": [{"values": [0.5, 1.0]}]}
