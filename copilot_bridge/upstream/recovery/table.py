"""The table of refusals: the text of a refusal -> the act that avoids it.  A new refusal is a new rule.

Source: public bug reports of programs that use Copilot, OpenAI and Anthropic, 2025 and 2026; the tests have
the texts of each rule.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from copilot_bridge.upstream.recovery.learned import Lesson
from copilot_bridge.upstream.recovery.naming import (
    Read,
    RefusalContext,
    betas,
    both,
    bound,
    fields,
    form,
    length,
    limit_name,
    named,
    old_role,
    once,
    unwanted_value,
    values,
)

CHAT, MESSAGES, RESPONSES = "chat", "messages", "responses"
EVERYWHERE = (CHAT, MESSAGES, RESPONSES)


class RecoveryRule(Struct, frozen=True):
    """A kind of refusal and the act that avoids it.

    :param pattern: for code and message together.  :param read: finds the refused fields and values.
    :param lasting: this model will refuse the same in any other request.
    :param lost: the log's words for the missing part.
    """

    pattern: str
    act: str
    read: Read = once
    apis: tuple[str, ...] = EVERYWHERE
    lasting: bool = False
    lost: str = ""


NUMBER = r"(?P<number>[\d.]*\d)"
IDS = "the items' ids"
THOUGHTS = "earlier thoughts"
FORM = r"output_config\.format|output_format|response_format|text\.format"

# All matching rules are tried, in this order, until one has changed something.
TABLE = (
    # Fields that bind the response, requested in another way.
    RecoveryRule(
        rf"(?:{FORM}|output_config)['\"`]?(?:: Extra inputs| is not (?:supported|permitted|allowed))"
        rf"|(?:{FORM})['\"`]? of type \S{{1,20}} is not supported"
        rf"|Unsupported parameter:? ['\"`]?(?:{FORM})(?![.\w])|extraneous key \[output_config\]"
        r"|structured.outputs? (?:is|are) not (?:supported|available)|not support structured"
        r"|allowedPartnerModelFeatures",
        "output by tool",
        lasting=True,
        lost="the output schema (requested by a tool)",
    ),
    RecoveryRule(FORM, "output by tool", lost="the output schema (requested by a tool)"),
    RecoveryRule(
        r"\bstop(?:_sequences)?['\"`]?(?:: Extra inputs| is not (?:supported|permitted|allowed))"
        r"|Unsupported parameter:? ['\"`]?stop(?:_sequences)?(?![.\w])|not support (?:the )?stop",
        "stop here",
        apis=(CHAT, MESSAGES),
        lasting=True,
        lost="stop sequences (cut here)",
    ),
    # Conversations that would be refused for ever because of their history.
    RecoveryRule(
        r"item_id did not match|input item ID does not belong|Expected an ID that begins with"
        r"|input\[\d+\]\.id|Item with id .{0,600}? not found",
        "no item ids",
        apis=(RESPONSES,),
        lost=IDS,
    ),
    RecoveryRule(
        r"(?:call_id|tool_calls\[\d+\]\.id|tool_use_id|tool_use\.id|tool_result\.\w+)['\"`]?:? .{0,200}?"
        r"(?:too long|match pattern|at most)(?:.{0,80}?maximum length (?P<most>\d+))?",
        "short call ids",
        length,
        lost="long call ids",
    ),
    RecoveryRule(r"string_above_max_length", "no item ids", apis=(RESPONSES,), lost=IDS),
    RecoveryRule(
        r"invalid_encrypted_content|encrypted content .{0,600}could not be|item_id did not match"
        r"|input item ID does not belong"  # the id is also in what is encrypted
        r"|without its required (?:following item|'reasoning' item)|reasoning.{0,300}not found",
        "no earlier thoughts",
        lost=THOUGHTS,
    ),
    RecoveryRule(
        r"Invalid .?signature|Invalid .?data. in .?redacted|thinking.{0,60}cannot be modified"
        r"|thinking\.(?:signature|data|thinking): (?:Field required|String should have)"
        r"|thinking: each .?thinking.? block must contain"
        r"|cannot contain .?thinking|final block .{0,40}cannot be .?(?:redacted_)?thinking"
        r"|thought.signature.{0,40}(?:not valid|invalid|corrupt)"
        r"|(?:corrupt|invalid)\w* thought.signature",
        "no earlier thoughts",
        lost=THOUGHTS,
    ),
    RecoveryRule(
        r"missing (?:a )?.?thought.signature",
        "signatures for calls",
        apis=(CHAT,),
        lost="the signatures of calls",
    ),
    RecoveryRule(r"Expected .?thinking.{0,40}but found", "no thinking", lost="thinking"),
    RecoveryRule(r"Expected .?thinking.{0,40}but found", "no earlier thoughts", lost=THOUGHTS),
    RecoveryRule(
        r"text content blocks must (?:be non-empty|contain non-white)", "no blank texts", lost="empty texts"
    ),
    RecoveryRule(
        r"No tool (?:output|call) found for|tool_call_ids? did not have response"
        r"|must be followed by tool messages|must be a response to a prece{1,2}ding message"
        r"|tool_use. ids were found without|unexpected .?tool_use_id"
        r"|must have a (?:single|corresponding) .?(?:result|tool_)",
        "calls with results",
        lost="calls without a result, or results without a call",
    ),
    # Roles and their order.
    RecoveryRule(
        r"Unexpected role .?.system|messages\.\d+\.role: Input should be|(?=.*mid-conversation)(?=.*system)",
        "system as user",
        apis=(MESSAGES,),
        lasting=True,
        lost="the system's role in the middle",
    ),
    RecoveryRule(
        r"(?=.*['\"`]developer)(?=.*\brole|.*Invalid value|.*unsupported)",
        "role",
        old_role,
        apis=(CHAT, RESPONSES),
        lasting=True,
        lost="the developer's role",
    ),
    RecoveryRule(
        r"(?:not support|unsupported|disallowed|not allowed).{0,60}prefill|prefill.{0,60}not supported"
        r"|must end with a user message",
        "continue",
        apis=(CHAT, MESSAGES),
        lasting=True,
        lost="the beginning of the response from the client",
    ),
    # Thinking.
    RecoveryRule(
        r"thinking may not be enabled when tool_choice|thinking mode does not support this tool_choice",
        "no thinking",
        lost="thinking",
    ),
    RecoveryRule(
        r"thinking\.type\.enabled.{0,60}not supported",
        "thinking",
        form("adaptive"),
        apis=(MESSAGES,),
        lasting=True,
        lost="a budget for thinking",
    ),
    RecoveryRule(
        r"adaptive thinking is not supported|thinking\.type\.adaptive.{0,60}not supported"
        r"|thinking: Input tag 'adaptive'",
        "thinking",
        form("enabled"),
        apis=(MESSAGES,),
        lasting=True,
        lost="adaptive thinking",
    ),
    RecoveryRule(
        r"thinking\.type\.disabled|thinking: Input tag 'disabled'"
        r"|thinking.{0,40}cannot be (?:disabled|turned off)|not supported when thinking is disabled",
        "thinking",
        form("on"),
        apis=(MESSAGES,),
        lost="thinking: disabled",
    ),
    RecoveryRule(
        r"thinking is not supported|does not support (?:extended )?thinking",
        "thinking",
        form("none"),
        apis=(MESSAGES,),
        lasting=True,
        lost="thinking",
    ),
    RecoveryRule(r"must be greater than .?thinking\.budget_tokens", "no thinking", lost="thinking"),
    # Sampling and limits.
    RecoveryRule(
        r"temperature.{0,3} and .{0,3}top_p.{0,3} cannot both",
        "one of two",
        both,
        lasting=True,
        lost="top_p",
    ),
    RecoveryRule(
        r"(?P<path>temperature|top_p|top_k).{0,60}(?:when thinking is enabled|with thinking|in adaptive)",
        "leave out",
        named,
    ),
    RecoveryRule(
        r"use ['`\"]?max_(?P<which>completion_)?tokens", "limit's name", limit_name, lasting=True, lost=""
    ),
    RecoveryRule(
        r"(?P<path>max_\w*tokens): \d+ > (?P<number>\d+), which is the maximum",
        "at most",
        bound,
        lasting=True,
    ),
    RecoveryRule(r"too large: \d+.{0,40}at most (?P<number>\d+)", "at most", bound, lasting=True),
    RecoveryRule(
        rf"(?P<path>\w+): Input should be less than or equal to {NUMBER}", "at most", bound, lasting=True
    ),
    RecoveryRule(
        rf"'(?P<path>\w+)'?: \w+ above maximum value.{{0,40}}<= {NUMBER}", "at most", bound, lasting=True
    ),
    RecoveryRule(
        rf"'(?P<path>\w+)'?: \w+ below minimum value.{{0,40}}>= {NUMBER}", "at least", bound, lasting=True
    ),
    # The cache.
    RecoveryRule(r"ttl.{0,80}must not come after", "no ttl", apis=(MESSAGES,), lost="cache_control.ttl"),
    RecoveryRule(
        r"maximum of \d+ blocks with cache_control",
        "fewer cache breakpoints",
        apis=(MESSAGES,),
        lost="cache breakpoints",
    ),
    # Betas.
    RecoveryRule(
        r"Unexpected value\(s\) .{1,800}? for the .?anthropic-beta"
        r"|unsupported beta header\(?s?\)?:? [^\n]{1,400}",
        "no beta",
        betas,
        apis=(MESSAGES,),
        lasting=True,
        lost="anthropic-beta",
    ),
    RecoveryRule(r"invalid beta flag", "no beta", apis=(MESSAGES,), lost="anthropic-beta"),
    # Tools that are not there.
    RecoveryRule(
        r"(?:tool_choice|parallel_tool_calls).{0,40}only (?:be )?(?:allowed|specified|set)",
        "no choice without tools",
        lost="tool_choice, without tools",
    ),
    # A value, a field.
    RecoveryRule(
        r"not supported|unsupported|Input should be|Invalid value|not support",
        "allowed values",
        values,
        lasting=True,
    ),
    RecoveryRule(
        r"['\"`](?P<path>[\w.]+)['\"`] does not support .{1,40}Only the default",
        "leave out",
        unwanted_value,
        lasting=True,
    ),
    RecoveryRule(
        r"Extra inputs|extra_forbidden|extraneous key|Additional properties are not allowed"
        r"|Un(?:supported|known|recognized|expected)[ _](?:request )?"
        r"(?:parameter|argument|field|key)|is not (?:supported|allowed|permitted)|does not support parameter",
        "leave out",
        fields,
        lasting=True,
    ),
)

PATTERNS = tuple((re.compile(rule.pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE), rule) for rule in TABLE)


def matching_rules(context: RefusalContext) -> Iterator[tuple[RecoveryRule, re.Match[str]]]:
    for pattern, rule in PATTERNS:
        if context.api in rule.apis and (found := pattern.search(context.text)):
            yield rule, found


def lessons_of(context: RefusalContext) -> Iterator[tuple[RecoveryRule, Lesson]]:
    for rule, found in matching_rules(context):
        for subject, value in rule.read(context, found):
            yield rule, Lesson(rule.act, subject, value)
