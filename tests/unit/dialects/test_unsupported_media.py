"""Media that a model does not take are refused by their location, and are called what they are."""

import base64
from typing import Any

import pytest

from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.adaptation.media import media_type
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.gemini import request as gemini_request
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import request as messages_request
from copilot_bridge.dialects.prompt import File, Image, Message, Prompt, Text, ToolResult
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import Unsupported

Json = dict[str, Any]
WAVE = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt ").decode()
BMP = base64.b64encode(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0").decode()
SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
SVG_WITH_HEAD = base64.b64encode(b'<?xml version="1.0"?><svg/>').decode()
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = {"type": "text", "text": "Hello"}


def read_gemini(media: str, data: str) -> Prompt:
    parts = [{"text": "Hello"}, {"inlineData": {"mimeType": media, "data": data}}]
    return gemini.read_prompt({"model": "m", "contents": [{"role": "user", "parts": parts}]})


def read_chat(media: str, data: str) -> Prompt:
    file = {"type": "file", "file": {"file_data": f"data:{media};base64,{data}"}}
    return chat.read_prompt({"model": "m", "messages": [{"role": "user", "content": [TEXT, file]}]})


def read_messages(media: str, data: str) -> Prompt:
    document = {"type": "document", "source": {"type": "base64", "media_type": media, "data": data}}
    body = {"model": "m", "messages": [{"role": "user", "content": [TEXT, document]}]}
    return messages.read_prompt(body)


def read_responses(media: str, data: str) -> Prompt:
    file = {"type": "input_file", "file_data": f"data:{media};base64,{data}"}
    content = [{"type": "input_text", "text": "Hello"}, file]
    body = {"model": "m", "input": [{"role": "user", "content": content}]}
    return responses.read_prompt(body, ToolNames())


READ = {
    "gemini": (read_gemini, "contents.0.parts.1.inlineData"),
    "chat": (read_chat, "messages.0.content.1"),
    "messages": (read_messages, "messages.0.content.1"),
    "responses": (read_responses, "input.0.content.1"),
}


@pytest.mark.parametrize("client", READ)
@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
@pytest.mark.parametrize("media", ["audio/wav", "video/mp4"])
def test_media_that_no_model_takes_are_refused_by_their_location(
    client: str, upstream: str, media: str
) -> None:
    read, where = READ[client]
    with pytest.raises(Unsupported, match=media) as refused:
        adapt_prompt(read(media, WAVE), limits_of(upstream, "", "m"), client)
    assert refused.value.param == where
    assert str(refused.value).startswith(f"{where}: ")


@pytest.mark.parametrize("media", ["image/bmp", "image/svg+xml", "image/png", "image/tiff"])
def test_geminis_images_of_any_type_are_checked_as_images(media: str) -> None:
    part = {"inlineData": {"mimeType": media, "data": "AAAA"}}
    body = {"model": "m", "contents": [{"role": "user", "parts": [part]}]}
    assert [image.where for image in gemini_request.image_holders(body)] == ["contents.0.parts.0"]


@pytest.mark.parametrize(
    ("data", "media"), [(BMP, "image/bmp"), (SVG, "image/svg+xml"), (SVG_WITH_HEAD, "image/svg+xml")]
)
def test_the_content_of_an_image_says_what_it_is(data: str, media: str) -> None:
    assert media_type("image/png", data) == media


@pytest.mark.parametrize("label", ["application/xml", "text/html"])
def test_xml_is_a_drawing_only_where_an_image_is_meant(label: str) -> None:
    assert media_type(label, SVG_WITH_HEAD) == label


@pytest.mark.parametrize(
    ("media", "name"),
    [("application/pdf", "document.pdf"), (DOCX, "document.docx"), ("application/zip", "document.bin")],
)
def test_a_file_without_a_name_gets_one_that_fits_its_type(media: str, name: str) -> None:
    prompt = Prompt(model="m", messages=(Message("user", (File(media, "AAAA"),)),))
    (item,) = responses_writer.write_prompt(prompt)["input"]
    assert item["content"][0]["filename"] == name


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def with_images(*more: Json) -> Json:
    content = [{"type": "text", "text": "before"}, PICTURE, {"type": "text", "text": "after"}, *more]
    return {"type": "document", "title": "A title", "source": {"type": "content", "content": content}}


def messages_with(block: Json) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": [TEXT, block]}]}


CARRIED = (Text("A title"), Text("before"), Image("image/png", "AAAA"), Text("after"))


def test_the_images_of_a_document_are_sent_between_its_texts() -> None:
    (message,) = messages.read_prompt(messages_with(with_images())).messages
    assert message.parts == (Text("Hello"), *CARRIED)


def test_the_images_of_a_document_in_a_result_are_sent() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [with_images()]}
    (message,) = messages.read_prompt(messages_with(result)).messages
    assert message.parts[1] == ToolResult("a", CARRIED)


def test_the_images_of_documents_are_found() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [with_images()]}
    (shown,) = messages_request.image_holders(messages_with(with_images()))
    (from_tool,) = messages_request.image_holders(messages_with(result))
    assert (shown.where, shown.from_tool) == ("messages.0.content.1.source.content.1.source", False)
    assert from_tool.where == "messages.0.content.1.content.0.source.content.1.source"
    assert from_tool.from_tool


def test_another_block_in_a_document_is_refused_by_its_location() -> None:
    with pytest.raises(Unsupported, match="'audio' can't be sent") as refused:
        messages.read_prompt(messages_with(with_images({"type": "audio"})))
    assert refused.value.param == "messages.0.content.1.source.content.3"


def test_parts_are_equal_wherever_they_are() -> None:
    assert read_chat("application/pdf", "JVBERi0=").messages[0].parts[1] == File(
        "application/pdf", "JVBERi0="
    )
