"""Any prompt that a dialect can express survives a round trip hub -> dialect -> hub.

`LOSSES` lists what each dialect can't express: a name, and a function that removes it from a prompt.  A row
that is not a real loss fails.
"""

import json
from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.prompt import (
    File,
    Image,
    Message,
    OutputFormat,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    budget_of,
    effort_of,
)
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames

READ = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
}
WRITE = {
    "chat": chat_prompt_writer.write_prompt,
    "messages": messages_prompt_writer.write_prompt,
    "responses": responses_prompt_writer.write_prompt,
}
DIALECTS = tuple(READ)

# Any prompt there is.

words = st.text(max_size=6)
names = st.text("abcdefgh_", min_size=1, max_size=6)
texts = st.builds(Text, words, cache_breakpoint=st.booleans())
images = st.builds(Image, st.sampled_from(["image/png", "image/webp"]), st.sampled_from(["AAAA", "iVBORw=="]))
files = st.builds(
    File, st.just("application/pdf"), st.just("JVBERg=="), st.none() | st.sampled_from(["a.pdf", "ü.pdf"])
)
shown = st.one_of(texts, images, files)
scalars = st.none() | st.booleans() | st.integers(-5, 5) | words
objects = st.dictionaries(words, scalars | st.lists(scalars, max_size=2), max_size=2)
arguments = objects.map(lambda given: codec.write(given).decode()) | words | st.just("")
goods = {
    "chat": st.just("opaque"),
    "messages": st.just("sig=="),
    "redacted": st.just("EmwK"),
    "responses": st.builds(
        lambda id_: {"id": id_, "encrypted_content": "gAAA"}, st.sampled_from(["", "rs_1"])
    ),
}
thoughts = st.builds(
    Reasoning,
    words,
    st.sampled_from(sorted(goods)).flatmap(lambda dialect: st.fixed_dictionaries({dialect: goods[dialect]}))
    | st.fixed_dictionaries({}, optional=goods),
)
calls = st.builds(ToolCall, names, names, arguments, st.booleans())
captions = images.map(lambda image: Text(image.media_type))
results = st.builds(ToolResult, names, st.lists(shown, max_size=3).map(tuple), is_error=st.booleans())


def message(role, parts):
    return st.builds(Message, st.just(role), st.lists(parts, max_size=4).map(tuple))


schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("object"),
        "properties": st.just({"a": {"type": "integer"}}),
        "$schema": st.just("https://json-schema.org/draft/2020-12/schema"),
    },
)
yes_no_unsaid = st.none() | st.booleans()
prompts = st.builds(
    Prompt,
    model=names,
    messages=st.builds(
        lambda earlier, last: (*earlier, last),
        st.lists(
            st.one_of(
                message("system", texts),
                message("user", shown | results),
                message("assistant", st.one_of(texts, captions, thoughts, calls)),
            ),
            max_size=4,
        ),
        st.just(Message("user", (Text("Go on, please."),))),
    ),
    tools=st.lists(
        st.builds(Tool, names, words, schemas, yes_no_unsaid, st.booleans(), st.booleans()),
        max_size=2,
        unique_by=lambda tool: tool.name,
    ).map(tuple),
    tool_choice=st.none()
    | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"]))
    | st.builds(ToolChoice, st.just("tool"), names),
    parallel_tools=yes_no_unsaid,
    max_tokens=st.none() | st.integers(1, 64_000),
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.none() | st.sampled_from([0.1, 1.0]),
    stop=st.lists(names, max_size=2).map(tuple),
    output_format=st.none() | st.builds(OutputFormat, st.none() | schemas, names, yes_no_unsaid),
    cache_key=st.none() | names,
)
thinking = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries(
        {"reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])}
    ),
    st.fixed_dictionaries({"thinking_budget": st.sampled_from([0, 100, 1024, 4096, 10_000, 31_999, 60_000])}),
)
prompts = st.builds(lambda prompt, hard: replace(prompt, **hard), prompts, thinking)

# What a dialect can't say: each row a function that makes a prompt one without it.

Leave = Callable[[Prompt], Prompt]


def each_message(change: Callable[[Message], list[Message]]) -> Leave:
    return lambda prompt: replace(
        prompt, messages=tuple(new for message in prompt.messages for new in change(message))
    )


def parts_of(role: str, change) -> Leave:
    """`change`: all parts of a message -> its parts."""
    return each_message(
        lambda message: (
            [replace(message, parts=tuple(change(message.parts)))] if message.role == role else [message]
        )
    )


def each_part(kind: type, change, roles=("user", "assistant", "system")) -> Leave:
    """`change`: a part -> the parts in its place."""

    def change_all(message):
        if message.role not in roles:
            return [message]
        parts = (change(part) if isinstance(part, kind) else [part] for part in message.parts)
        return [replace(message, parts=tuple(new for part in parts for new in part))]

    return each_message(change_all)


def result_of(change) -> Leave:
    """`change`: all parts that a tool has given -> its parts."""
    return each_part(ToolResult, lambda result: [replace(result, parts=tuple(change(result.parts)))])


def each_tool(change) -> Leave:
    return lambda prompt: replace(prompt, tools=tuple(map(change, prompt.tools)))


def field(condition, **values) -> Leave:
    return lambda prompt: replace(prompt, **values) if condition(prompt) else prompt


def all_of(*leaves: Leave) -> Leave:
    def leave(prompt):
        for leaf in leaves:
            prompt = leaf(prompt)
        return prompt

    return leave


def always(_prompt):
    return True


def only(*kinds):
    return lambda parts: [part for part in parts if isinstance(part, kinds)]


def joined_texts(parts):
    return [part for part in parts if not isinstance(part, Text) or part.text]


def unmarked(parts):
    return [replace(part, cache_breakpoint=False) if isinstance(part, Text) else part for part in parts]


def marked_at_its_end(parts):
    """All that is marked in a message is marked at its last text."""
    texts_ = only(Text)(parts)
    if not any(text.cache_breakpoint for text in texts_):
        return parts
    last = max(index for index, part in enumerate(parts) if isinstance(part, Text))
    return [
        replace(part, cache_breakpoint=index == last) if isinstance(part, Text) else part
        for index, part in enumerate(parts)
    ]


def joined(parts, between):
    """The texts as one, where the first of them stands."""
    places = [index for index, part in enumerate(parts) if isinstance(part, Text)]
    cached = any(parts[index].cache_breakpoint for index in places)
    whole = Text(between.join(parts[index].text for index in places), cached)
    kept = [(index, part) for index, part in enumerate(parts) if index not in places[1:]]
    return [whole if index in places else part for index, part in kept]


def first(*kinds):
    """Those of these kinds before the others, in this order."""
    return lambda parts: sorted(
        parts,
        key=lambda part: next((n for n, kind in enumerate(kinds) if isinstance(part, kind)), len(kinds)),
    )


def signed_by(*dialects) -> Leave:
    """Thoughts that one of these has signed, with what that gave and nothing else."""

    def own(thought):
        signer = next((dialect for dialect in dialects if dialect in thought.provider_details), None)
        return (
            [replace(thought, provider_details={signer: thought.provider_details[signer]})] if signer else []
        )

    return each_part(Reasoning, own)


def merged(*roles, after=0) -> Leave:
    """Two messages of one speaker in a row are one; the first ones may be left as they are."""

    def merge(prompt):
        done = list(prompt.messages[:after])
        for message in prompt.messages[after:]:
            if len(done) > after and done[-1].role == message.role and message.role in roles:
                done[-1] = replace(message, parts=done[-1].parts + message.parts)
            else:
                done.append(message)
        return replace(prompt, messages=tuple(done))

    return merge


def system_spoken(prompt):
    """How many of the messages are the system's at the start."""
    roles = [message.role for message in prompt.messages]
    return next(index for index, role in enumerate(roles) if role != "system")


def any_object_in_words(prompt):
    if not prompt.output_format or prompt.output_format.schema is not None:
        return prompt
    start = system_spoken(prompt)
    words_ = Message("system", (Text(messages_prompt_writer.ANY_OBJECT),))
    messages = (*prompt.messages[:start], words_, *prompt.messages[start:])
    return replace(prompt, output_format=None, messages=messages)


def object_or_text(arguments):
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = None
    return codec.write(given if isinstance(given, dict) else {"input": arguments}).decode()


def each_call(**values) -> Leave:
    return each_part(
        ToolCall,
        lambda call: [replace(call, **{key: change(getattr(call, key)) for key, change in values.items()})],
    )


EMPTY_MESSAGES = each_message(lambda message: [message] if message.parts else [])
FREE_TEXT = all_of(each_tool(lambda tool: replace(tool, custom=False)), each_call(custom=lambda _: False))
NO_ARGUMENTS = each_call(arguments=lambda arguments: arguments or "{}")
NO_SCHEMA = each_tool(lambda tool: replace(tool, schema=tool.schema or {"type": "object", "properties": {}}))
NO_NAME = each_part(File, lambda file: [replace(file, name=file.name or "document.pdf")])
NO_NAME_IN_RESULT = result_of(
    lambda parts: [
        replace(part, name=part.name or "document.pdf") if isinstance(part, File) else part for part in parts
    ]
)
ERRORS = each_part(ToolResult, lambda result: [replace(result, is_error=False)])
NAMED_NOTHING = field(
    lambda prompt: prompt.output_format and prompt.output_format.schema is None,
    output_format=OutputFormat(None),
)
CHOICE_OF_NONE = field(lambda prompt: not prompt.tools, tool_choice=None)


def chat_speech(parts):
    """With calls nothing may have been said, without them something has been, and be it nothing."""
    speech = joined(parts, "")
    if only(ToolCall)(speech):
        return joined_texts(speech)
    return speech if only(Text)(speech) else [*only(Reasoning)(speech), Text("")]


def one_thought(parts):
    """The first of two reasonings before one response is sent again."""
    thoughts = only(Reasoning)(parts)
    if len(thoughts) < 2:
        return parts
    return [thoughts[0], *(part for part in parts if not isinstance(part, Reasoning))]


def results_alone(message):
    results_ = only(ToolResult)(message.parts)
    others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    return [
        *(Message("user", (result,)) for result in results_),
        *([replace(message, parts=others)] if others or not results_ else []),
    ]


def results_first(prompt):
    """Text between a call and its result follows the result."""
    ordered, held, waiting = [], [], set()
    for message in prompt.messages:
        given = {part.id for part in message.parts if isinstance(part, ToolResult)}
        if message.role == "assistant":
            ordered, held, waiting = (
                [*ordered, *held],
                [],
                {call.id for call in only(ToolCall)(message.parts)},
            )
        elif given:
            waiting -= given
        elif waiting:
            held.append(message)
            continue
        ordered.append(message)
        if not waiting:
            ordered, held = [*ordered, *held], []
    return replace(prompt, messages=(*ordered, *held))


CHAT = {
    "tools that take free text": FREE_TEXT,
    "where in a message a prompt cache ends": all_of(
        *(parts_of(role, marked_at_its_end) for role in ("user", "assistant", "system")),
        result_of(marked_at_its_end),
    ),
    "thoughts that have not come through Chat": signed_by("chat"),
    "two thoughts in one message": parts_of("assistant", one_thought),
    "the order of thoughts, words and calls": parts_of("assistant", first(Reasoning, Text, ToolCall)),
    "two texts of the assistant in one message, and whether one is empty": parts_of("assistant", chat_speech),
    "pictures and documents from a tool": result_of(only(Text)),
    "two texts in a result, or none": result_of(lambda parts: joined(parts, "\n") or [Text("")]),
    "that a result is an error": ERRORS,
    "results and other parts in one message": each_message(
        lambda message: results_alone(message) if message.role == "user" else [message]
    ),
    "a document without a name": NO_NAME,
    "calls without arguments": NO_ARGUMENTS,
    "tools without a schema": NO_SCHEMA,
    "the name of an answer without a schema": NAMED_NOTHING,
    "the key of a prompt cache": field(always, cache_key=None),
    "what is said between a call and its result": results_first,
    "messages without parts": EMPTY_MESSAGES,
}

MESSAGES = {
    "tools that take free text": FREE_TEXT,
    "empty texts": all_of(
        *(parts_of(role, joined_texts) for role in ("user", "assistant", "system")), result_of(joined_texts)
    ),
    "words of the system after the start": lambda prompt: replace(
        prompt,
        messages=tuple(
            message
            for index, message in enumerate(prompt.messages)
            if message.role != "system" or index < system_spoken(prompt)
        ),
    ),
    "thoughts that have not come through Messages": signed_by("redacted", "messages"),
    "the text of a redacted thought": each_part(
        Reasoning,
        lambda thought: [
            replace(thought, text="" if "redacted" in thought.provider_details else thought.text)
        ],
    ),
    "arguments that are no object, and how they were written": each_call(arguments=object_or_text),
    "any JSON object as the answer, but in words": any_object_in_words,
    "messages without parts": EMPTY_MESSAGES,
    "two messages of one speaker in a row": merged("user", "assistant", "system"),
    "words before a result": parts_of("user", first(ToolResult)),
    "a strict tool": each_tool(lambda tool: replace(tool, strict=None)),
    "the version of a tool's schema, and any type but object": each_tool(
        lambda tool: replace(
            tool,
            schema={"type": "object"}
            | {key: value for key, value in tool.schema.items() if key != "$schema"},
        )
    ),
    "no limit": field(
        lambda prompt: prompt.max_tokens is None, max_tokens=messages_prompt_writer.DEFAULT_MAX_TOKENS
    ),
    "a choice among no tools": all_of(
        CHOICE_OF_NONE, field(lambda prompt: not prompt.tools, parallel_tools=None)
    ),
    "that calls may be parallel": field(lambda prompt: prompt.parallel_tools, parallel_tools=None),
    "one call at a time beside no choice": all_of(
        field(lambda prompt: prompt.tool_choice == ToolChoice("none"), parallel_tools=None),
        field(
            lambda prompt: prompt.parallel_tools is False and prompt.tool_choice is None,
            tool_choice=ToolChoice("auto"),
        ),
    ),
    "not to think, or for less than 1,024 tokens": field(
        lambda prompt: (budget_of(prompt) or 0) < 1024, reasoning_effort=None, thinking_budget=None
    ),
    "a temperature beside thinking": field(budget_of, temperature=None, top_p=None),
    "top_p beside a temperature": field(lambda prompt: prompt.temperature is not None, top_p=None),
    "the name of an answer's schema, and whether it is strict": lambda prompt: replace(
        prompt, output_format=prompt.output_format and OutputFormat(prompt.output_format.schema)
    ),
    "the key of a prompt cache": field(always, cache_key=None),
}

RESPONSES = {
    "the end of a prompt cache": all_of(
        *(parts_of(role, unmarked) for role in ("user", "assistant", "system")),
        result_of(unmarked),
        each_tool(lambda tool: replace(tool, cache_breakpoint=False)),
    ),
    "empty texts": all_of(
        *(parts_of(role, joined_texts) for role in ("user", "assistant", "system")), result_of(joined_texts)
    ),
    "thoughts that have not come through Responses": signed_by("responses"),
    "messages without parts": EMPTY_MESSAGES,
    "two texts of the system at the start": lambda prompt: replace(
        prompt,
        messages=tuple(
            replace(message, parts=tuple(joined(message.parts, "\n\n")))
            if index == 0 and message.role == "system"
            else message
            for index, message in enumerate(prompt.messages)
        ),
    ),
    "two messages of one speaker in a row, but for the system's first": lambda prompt: merged(
        "user", "assistant", "system", after=int(prompt.messages[0].role == "system")
    )(prompt),
    "that a result is an error": ERRORS,
    "two texts in a result without pictures, or none": result_of(
        lambda parts: (joined(parts, "\n") or [Text("")]) if parts == tuple(only(Text)(parts)) else parts
    ),
    "a document without a name": all_of(NO_NAME, NO_NAME_IN_RESULT),
    "calls without arguments": NO_ARGUMENTS,
    "tools without a schema": NO_SCHEMA,
    "whether a tool is strict or leaves it open": each_tool(
        lambda tool: replace(tool, strict=bool(tool.strict))
    ),
    "a choice among no tools": CHOICE_OF_NONE,
    "how hard to think, in tokens": lambda prompt: replace(
        prompt, reasoning_effort=effort_of(prompt), thinking_budget=None
    ),
    "the name of an answer without a schema": NAMED_NOTHING,
    "how to choose the next word": field(always, temperature=None, top_p=None),
    "where to stop": field(always, stop=()),
    "the arguments of a tool that takes free text": each_tool(
        lambda tool: replace(tool, schema={}, strict=None) if tool.custom else tool
    ),
}

LOSSES: dict[str, dict[str, Leave]] = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}


def expressible(dialect, prompt, but=None):
    """The prompt without what the dialect can't say; `but`: a row that is left out."""
    return all_of(*(leave for row, leave in LOSSES[dialect].items() if row != but))(prompt)


def round_trip(dialect, prompt):
    """By way of the bytes."""
    return READ[dialect](codec.read(codec.write(WRITE[dialect](prompt))))


def normal(prompt):
    """How hard to think is the same as a word and in tokens."""
    return replace(prompt, reasoning_effort=effort_of(prompt), thinking_budget=budget_of(prompt))


@pytest.mark.parametrize("dialect", DIALECTS)
@given(prompt=prompts)
def test_a_prompt_that_a_dialect_can_express_survives_a_round_trip(dialect, prompt):
    expected = expressible(dialect, prompt)
    assert normal(round_trip(dialect, expected)) == normal(expected)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(prompt=prompts)
def test_a_second_round_trip_loses_nothing_more(dialect, prompt):
    """Any prompt can be written somehow, and repeated round trips do not change it."""
    twice = round_trip(dialect, round_trip(dialect, prompt))
    assert normal(round_trip(dialect, twice)) == normal(twice)


GO_ON = Message("user", (Text("Go on."),))
# What Hypothesis draws depends on the modules that are loaded, and these are rare.
RARE = [
    Prompt(model="m", messages=(GO_ON, *messages_))
    for messages_ in (
        [
            Message("assistant", (*(Reasoning(text, {"chat": "opaque"}) for text in ("1", "2")), Text("3"))),
        ],
        [
            Message("assistant", (ToolCall("call", "look", "{}"),)),
            Message("user", (Text("Wait."),)),
            Message("user", (ToolResult("call", (Text("Found."),)),)),
        ],
    )
]


ROWS_SHARE = {"many_prompts"}


@pytest.fixture(scope="module")
def many_prompts():
    drawn = [*RARE]

    @settings(max_examples=12 * settings.default.max_examples, phases=[Phase.generate])
    @given(prompts)
    def draw(prompt):
        drawn.append(prompt)

    draw()
    return drawn


@pytest.mark.parametrize(("dialect", "row"), [(d, row) for d in DIALECTS for row in LOSSES[d]])
def test_every_row_of_the_table_is_a_real_loss(dialect, row, many_prompts):
    reduced = (expressible(dialect, prompt, but=row) for prompt in many_prompts)
    assert any(normal(round_trip(dialect, prompt)) != normal(prompt) for prompt in reduced)
