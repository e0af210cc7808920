"""Secrets are hidden in whatever they are wrapped; texts that only sound like secrets stay."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.errors import BridgeError
from copilot_bridge.redaction import HIDDEN, Secret, redact

# What betrays itself by its shape, wherever it stands.
SHAPED = {
    "ghu": "ghu_EXAMPLE0000000000000000000000000000",
    "gho": "gho_EXAMPLE0000000000000000000000000000",
    "ghp": "ghp_EXAMPLE0000000000000000000000000000",
    "ghs": "ghs_EXAMPLE0000000000000000000000000000",
    "ghr": "ghr_EXAMPLE0000000000000000000000000000",
    "pat": "github_pat_11ABCDEFG0EXAMPLE_abcdefghijklmnop",
    "copilot": "tid=00112233;ol=ab;exp=1773238125;sku=x;proxy-ep=proxy.business.example;st=dotcom:ff00",
    "session": "st_EXAMPLE0000",
}
# What is only known by the name before it.
NAMED = {"device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5", "opaque": "RXhhbXBsZQ0KRXhhbXBsZQ+/=="}

DISGUISES = {
    "bare": "{}",
    "sentence": "GitHub refused {}, try again",
    "quoted": "'{}'",
    "bearer": "Authorization: Bearer {}",
    "token": "authorization: token {}",
    "header dict": "{{'Authorization': 'Bearer {}', 'Accept': '*/*'}}",
    "query": "GET /x?access_token={}",
    "assignment": "GH_TOKEN={} start",
    "escaped": '"{{\\"access_token\\": \\"{}\\"}}"',
}
NAMES = (
    "token",
    "access_token",
    "refresh_token",
    "github_token",
    "session_token",
    "Copilot-Session-Token",
    "device_code",
    "api_key",
    "x-api-key",
    "apikey",
    "encrypted_content",
    "reasoning_opaque",
    "signature",
    "authorization",
)


@pytest.mark.parametrize("secret", SHAPED.values(), ids=SHAPED)
@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_secrets_of_a_known_shape_are_hidden(secret, disguise):
    redacted = redact(disguise.format(secret))
    assert HIDDEN in redacted
    for part in (secret, secret[4:], secret[-12:]):
        assert part not in redacted


@pytest.mark.parametrize("secret", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("name", NAMES)
def test_secrets_by_their_names(name, secret):
    content = {name: secret, "model": "gpt-4o"}
    disguises = (
        json.dumps(content),
        json.dumps(content, separators=(",", ":")),
        json.dumps(content, indent=2),
        repr(content),
        repr(json.dumps(content)),
        repr(json.dumps(content).encode()),
        f"{name}: {secret}",
        f"{name.upper()}={secret}",
        f"{name}: Bearer {secret}\r\nAccept: */*",
        f"https://h.example/x?{name}={secret}&model=gpt-4o",
    )
    for text in disguises:
        redacted = redact(text)
        assert secret not in redacted, text
        assert secret[:8] not in redacted, text
        assert ("model" in redacted) == ("model" in text)


@pytest.mark.parametrize("name", ["device_code", "encrypted_content"])
def test_secrets_in_nested_json_are_hidden(name):
    """As an upstream's error quotes the body it was sent."""
    inner = json.dumps({name: NAMED["opaque"]})
    assert NAMED["opaque"][:16] not in redact(json.dumps({"message": inner}))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic dXNlcjpodW50ZXIy",
        "Proxy-Authorization: Basic dXNlcjpodW50ZXIy",
        "{'Proxy-Authorization': 'Basic dXNlcjpodW50ZXIy'}",
    ],
)
def test_credentials_of_a_proxy_are_hidden_in_headers(text):
    assert "dXNlcjpodW50ZXIy" not in redact(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:hunter2@proxy:3128", "http://me:***@proxy:3128"),
        ("via socks5h://me:hunter2@proxy:1 failed", "via socks5h://me:***@proxy:1 failed"),
        ("HTTPS://me:hunter2@proxy", "HTTPS://me:***@proxy"),
        ("http://:hunter2@proxy", "http://:***@proxy"),
    ],
)
def test_passwords_in_addresses_are_hidden(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize("password", ["hunt@er2", "hunt:er2", "hunt'er2", "h\u00fcnter2"])
def test_odd_passwords_are_hidden_in_addresses(password):
    redacted = redact(f"proxy: http://me:{password}@proxy:3128 is wrong")
    assert "er2" not in redacted
    assert "proxy:3128 is wrong" in redacted


INNOCENT = [
    "",
    "token expired",
    "unauthorized: token expired\n",
    "IDE token expired: unauthorized: token expired",
    "unauthorized: AuthenticateToken authentication failed",
    "max_tokens: 4096",
    "max_tokens=4096",
    '{"max_completion_tokens": 16384, "prompt_tokens": 123456789}',
    "prompt token count of 138898 exceeds the limit of 64000",
    "prompt is too long: 1051542 tokens > 1000000 maximum",
    "use `max_completion_tokens` instead",
    "bad request: Personal Access Tokens are not supported for this endpoint",
    "unauthorized: unable to validate HMAC for the given Copilot-Integration-ID",
    "Copilot does not take classic personal access tokens (ghp_).  These work: ghu_, gho_, github_pat_",
    "Invalid `signature` in `thinking` block",
    "the Copilot token could not be renewed, the old one serves on: no answer from api.github.com",
    "can't reach api.github.com: Name or service not known",
    "http://127.0.0.1:4141/v1/chat/completions",
    "mail octo@example.com or see https://example.com:8080/a@b",
    "git@github.com:octo/cat.git",
    "POST /v1/chat/completions gpt-4o 200 ok (910>61 tokens, 2310 ms)",
    "capabilities.tokenizer: o200k_base",
    '{"token_type": "bearer", "scope": ""}',
    "a test_of_something st_1",
    "copilot-bridge: run `copilot-bridge auth`, or set COPILOT_BRIDGE_GITHUB_TOKEN",
    "messages.1.content.0.thinking.signature: Field required",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_texts_stay(text):
    assert redact(text) == text
    assert str(BridgeError(text)) == text


@given(st.text())
def test_twice_is_as_good_as_once(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("piece", ["a+", "a-", "a.", "token ", "token:", "x://", '"a', "gh", "a:b@", "\\"])
def test_long_texts_do_not_hold_everybody_up(piece):
    """A client chooses the model's name, and reads it again in the error."""
    began = time.process_time()
    redact(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 0.3


def test_errors_are_born_without_secrets():
    error = BridgeError(f"GitHub refused {SHAPED['ghu']}")
    assert str(error) == repr(error.args[0]).strip("'") == f"GitHub refused {HIDDEN}"


def test_a_secret_never_shows_itself():
    secret = Secret(SHAPED["ghu"])
    shown = (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        "".join(map(str, [secret])),
        repr([secret]),
        repr({"a": secret}),
    )
    assert all("EXAMPLE" not in text for text in shown)
    assert secret.reveal() == SHAPED["ghu"]
    assert secret == Secret(SHAPED["ghu"]) != Secret()
    assert secret != SHAPED["ghu"]
    assert len({secret, Secret(SHAPED["ghu"])}) == 1
    assert secret
    assert not Secret()
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("ghu_EXAMPLE00000000abcd", "ghu_***abcd"),
        ("github_pat_EXAMPLE0000abcd", "github_pat_***abcd"),
        ("0123456789abcdef0123", "***0123"),
        ("ghu_short", "ghu_***"),
        ("", "***"),
    ],
)
def test_a_masked_secret_shows_its_kind_and_end(value, masked):
    assert Secret(value).masked() == masked
