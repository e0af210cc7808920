"""Local counts, held against what the vendors have published of their own."""

import base64
import struct
import time

import pytest

from copilot_bridge import counting
from copilot_bridge.counting.images import (
    TOKENS_PER_PAGE,
    UNKNOWN_SIZE,
    count_document,
    count_image,
    image_size,
)
from copilot_bridge.counting.text import CACHE_VARIABLE, SLICE, count_text, tokenizer
from copilot_bridge.dialects.chat.prompt_reader import read_prompt as read_chat
from copilot_bridge.dialects.messages.prompt_reader import read_prompt as read_messages
from copilot_bridge.dialects.prompt import Message, Part, Prompt, ToolChoice
from copilot_bridge.models.profiles import ImageTokens, profile_of

WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
        },
        "required": ["location"],
    },
}
CURRENT_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}
QUESTION = "What's the weather like in San Francisco?"
HELPER = "You are a helpful assistant that can answer to questions about the weather."


def user(text):
    return {"role": "user", "content": text}


# Source: Anthropic's page "Token counting".
ANTHROPIC = {
    14: {"system": "You are a scientist", "messages": [user("Hello, Claude")]},
    403: {"tools": [WEATHER], "messages": [user(QUESTION)]},
    88: {
        "thinking": {"type": "enabled", "budget_tokens": 16_000},
        "messages": [
            user("Are there an infinite number of prime numbers such that n mod 4 == 3?"),
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "thinking",
                        "thinking": "This is a nice number theory question.",
                        "signature": "E",
                    },
                    {
                        "type": "text",
                        "text": "Yes, there are infinitely many prime numbers p such that p mod 4 = 3...",
                    },
                ],
            },
            user("Can you write a formal proof?"),
        ],
    },
}

CALLED = {"id": "a", "type": "function", "function": {"name": "calculator", "arguments": '{"a":2, "b":2}'}}

# Source: OpenAI's cookbook "How to count tokens with tiktoken"; the last one its forum, as the API counted.
OPENAI = [
    (
        "gpt-4o",
        101,
        {"tools": [CURRENT_WEATHER], "messages": [{"role": "system", "content": HELPER}, user(QUESTION)]},
    ),
    (
        "gpt-4",
        105,
        {"tools": [CURRENT_WEATHER], "messages": [{"role": "system", "content": HELPER}, user(QUESTION)]},
    ),
    (
        "gpt-3.5-turbo",
        40,
        {
            "messages": [
                user("How much is 2 plus 2?"),
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "a", "content": "4"},
            ]
        },
    ),
]


def count(prompt, model):
    return counting.count(prompt, profile_of(model).tokens)


def off(counted, published):
    return abs(counted - published) / published


@pytest.mark.parametrize("published", ANTHROPIC)
def test_a_count_is_within_four_percent_of_anthropics(published):
    body = {"model": "claude-opus-4.6", "max_tokens": 100} | ANTHROPIC[published]
    assert off(count(read_messages(body), body["model"]), published) <= 0.04


@pytest.mark.parametrize(("model", "published", "body"), OPENAI)
def test_a_count_is_within_six_percent_of_openais(model, published, body):
    assert off(count(read_chat({"model": model} | body), model), published) <= 0.06


TILES = ImageTokens(formula="tiles", base=85, per_tile=170)
PATCHES = ImageTokens(formula="patches")
AREA, SQUARES = ImageTokens(formula="area"), ImageTokens(formula="squares")


# Source: the vendors' pages on images.
@pytest.mark.parametrize(
    ("image", "size", "tokens"),
    [
        (TILES, (1024, 1024), 765),
        (TILES, (2048, 4096), 1105),
        (TILES, (100, 100), 255),
        (PATCHES, (1024, 1024), 1024),
        (PATCHES, (1800, 2400), 1452),
        (ImageTokens(formula="patches", multiplier=1.62), (1024, 1024), 1659),
        (AREA, (200, 200), 54),
        (AREA, (1000, 1000), 1334),
        (AREA, (1092, 1092), 1590),
        (AREA, (9000, 9000), 1600),
        (SQUARES, (384, 384), 258),
        (SQUARES, (960, 540), 516),
    ],
)
def test_an_image_has_as_many_tokens_as_its_vendor_says(image, size, tokens):
    assert count_image(image, *size) == tokens


def png(width, height):
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + b"\x08\x02\0\0\0" + b"\0" * 16).decode()


@pytest.mark.parametrize(
    ("data", "size"),
    [(png(640, 480), (640, 480)), ("AAAA", UNKNOWN_SIZE), ("%%%", UNKNOWN_SIZE), ("", UNKNOWN_SIZE)],
)
def test_the_size_of_an_image_is_read_from_its_header(data, size):
    assert image_size(data) == size


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (b"<< /Type /Pages /Kids [] >> << /Type /Page >> <</Type/Page>>", 2),
        (b"%PDF-1.7 packed", 1),
        (b"\0" * 120_000, 3),
    ],
)
def test_a_document_is_counted_by_its_pages(content, pages):
    assert count_document(base64.b64encode(content).decode()) == pages * TOKENS_PER_PAGE


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("Hello, Claude", 3), ("<|endoftext|>", 7), ("お誕生日おめでとう", 8), ("\ud800", 1)],
)
def test_text_is_counted_by_the_tokenizer(text, tokens):
    assert count_text(text) == tokens


def test_nothing_is_downloaded(monkeypatch):
    """There is no network in tests: the vocabulary has to be the one that the library expects."""
    monkeypatch.setenv(CACHE_VARIABLE, "/nowhere")
    tokenizer.cache_clear()
    assert count_text("a") == 1


@pytest.mark.parametrize("piece", [" ", "\u00a0", "\n", "x "])
def test_a_million_blanks_in_a_row_are_counted(piece):
    """The tokenizer's regular expression runs out of stack on white space: a panic, which is no Exception."""
    text = piece * (1_000_000 // len(piece))
    assert 1 < count_text(text + "word") <= len(text) + 1


def test_slicing_a_text_costs_a_token_at_most():
    text = "The quick brown fox jumps over the lazy dog, again and again.  " * 4_000
    assert abs(count_text(text) - len(tokenizer().encode_ordinary(text))) <= len(text) // SLICE + 1


def test_megabytes_are_counted_within_seconds():
    text = "x = compute(1, 'a')\n" * 100_000 + "a" * 1_000_000
    began = time.process_time()
    assert count_text(text) > 500_000
    assert time.process_time() - began < 3


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png(1000, 1000)}}


@pytest.mark.parametrize(
    ("model", "tokens"), [("claude-opus-4.6", 1334), ("gemini-2.5-pro", 1032), ("gpt-4o", 765)]
)
def test_an_image_costs_what_the_vendor_says_wherever_it_stands(model, tokens):
    plain = {"model": model, "messages": [user([{"type": "text", "text": "a"}])]}
    seen = {"model": model, "messages": [user([{"type": "text", "text": "a"}, IMAGE])]}
    assert count(read_messages(seen), model) - count(read_messages(plain), model) == tokens
    shown = [{"type": "tool_result", "tool_use_id": "a", "content": [IMAGE]}]
    empty = [{"type": "tool_result", "tool_use_id": "a", "content": []}]
    with_image, without = (
        count(read_messages({"model": model, "messages": [user(image)]}), model) for image in (shown, empty)
    )
    assert with_image - without == tokens


def test_a_forced_tool_adds_fewer_tokens():
    prompt = read_messages({"model": "claude-opus-4.6", "tools": [WEATHER], "messages": [user("a")]})
    forced = Prompt(
        model=prompt.model, messages=prompt.messages, tools=prompt.tools, tool_choice=ToolChoice("required")
    )
    assert count(prompt, prompt.model) - count(forced, prompt.model) == 346 - 313


def test_tool_schemas_of_any_shape_are_counted():
    """What a schema may hold in the place of what we look for."""
    inner = (True, {"enum": [1, None]}, {"items": {"properties": {"b": {}}}}, {"properties": 5})
    for schema in ({}, {"properties": []}, *({"properties": {"a": property_}} for property_ in inner)):
        tool = {"type": "function", "function": {"name": "a", "parameters": schema}}
        prompt = read_chat({"model": "x", "messages": [user("a")], "tools": [tool]})
        assert count(prompt, "gpt-4o") > 20
        assert count(prompt, "claude-opus-4.6") > 346


def test_every_kind_of_part_is_counted():
    from copilot_bridge.counting.prompts import COUNT_PART

    assert set(COUNT_PART) == set(Part.__args__)
    assert count(Prompt(model="x", messages=(Message("user", ()),)), "x") > 0
