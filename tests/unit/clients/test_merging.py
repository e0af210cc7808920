"""Settings that somebody wrote: what is added, what stays, and what is refused."""

import json
import tomllib

import pytest
from ruamel.yaml import YAML

from copilot_bridge.clients import ByHandError, edit_settings
from copilot_bridge.clients.merging import IfMissing
from copilot_bridge.errors import ConfigError

TOML = """# mine
model = "o3" # the old one

[tools]
web = true # keep

[model_providers.other]
name = "x"
"""
YAML_TEXT = """# mine
name: "Own"  # quoted
models:
  # the first
  - name: a
    model: 'x'
  - name: b
    roles: [chat, edit]
"""
JSON_TEXT = '{\n    "theme": "dark",\n    "big": 12345678901234567890,\n    "ü": "é"\n}\n'
WANTED = {"model": "new", "providers": {"bridge": {"url": "u", "gone": None}}}
READ = {"json": json.loads, "toml": tomllib.loads, "yaml": YAML(typ="safe", pure=True).load}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("before", ["", "\n", "  \n\n"])
def test_a_new_file_has_the_settings_alone(kind, before):
    text = edit_settings(before, kind, WANTED)
    assert READ[kind](text) == {"model": "new", "providers": {"bridge": {"url": "u"}}}
    assert text.endswith("\n")


@pytest.mark.parametrize(("kind", "before"), [("json", JSON_TEXT), ("toml", TOML), ("yaml", YAML_TEXT)])
@pytest.mark.parametrize("frame", ["{}", "\ufeff{}"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_merging_keeps_other_settings_and_is_idempotent(kind, before, frame, end):
    text = frame.format("\0").replace("\0", before).replace("\n", end)
    after = edit_settings(text, kind, WANTED)
    assert after.startswith("\ufeff") is text.startswith("\ufeff")
    assert after.count("\n") == after.count(end)
    plain = after.removeprefix("\ufeff").replace(end, "\n")
    found = READ[kind](plain)
    assert found == READ[kind](before) | {"model": "new", "providers": {"bridge": {"url": "u"}}}
    kept = [line for line in before.splitlines() if not line.startswith(("model", "}", '    "ü"'))]
    assert [line for line in kept if line not in plain.splitlines()] == []
    assert edit_settings(after, kind, WANTED) == after


def test_comments_stay():
    assert 'model = "new" # the old one' in edit_settings(TOML, "toml", WANTED)
    assert "# the first\n  - name: a\n    model: 'x'" in edit_settings(YAML_TEXT, "yaml", WANTED)


COMMENTED = """// mine
{
	"theme": "dark", // as at home
	/* the old one */
	"model": "o3", // once
	"providers": {
		"other": {"url": "http://x"} // keep
	},
	"list": [1, 2,], // both
}
"""


def test_comments_and_layout_of_json_stay():
    assert (
        edit_settings(COMMENTED, "json", {**WANTED, "list": [3], "new": {"a": []}})
        == """// mine
{
	"theme": "dark", // as at home
	/* the old one */
	"model": "new", // once
	"providers": {
		"other": {"url": "http://x"}, // keep
		"bridge": {
			"url": "u"
		}
	},
	"list": [1, 2, 3,], // both
	"new": {
		"a": []
	},
}
"""
    )


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ("{}", {"a": 1}, '{\n  "a": 1\n}'),
        ('{"a": 1}', {"b": 2}, '{"a": 1, "b": 2}'),
        ('{"a": {}}\n', {"a": {"b": 2}}, '{"a": {\n  "b": 2\n}}\n'),
        ('{\n  "a": 1 // note\n}', {"b": 2}, '{\n  "a": 1, // note\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"a": None}, '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"b": None}, '{\n  "a": 1\n}'),
        ("{\n  // none\n}", {"b": 2}, '{\n  // none\n  "b": 2\n}'),
        ('{"u": "// no comment", "x": [ ]}', {"x": ["y"]}, '{"u": "// no comment", "x": [\n  "y"\n]}'),
    ],
)
def test_json_keeps_its_form(before, wanted, after):
    assert edit_settings(before, "json", wanted) == after


@pytest.mark.parametrize("dash", ["", "  ", "    "])
def test_lists_keep_their_indentation(dash):
    text = f"models:\n{dash}- name: a\n{dash}  x: 1\n"
    assert edit_settings(text, "yaml", {"models": [{"name": "b"}]}) == f"{text}{dash}- name: b\n"


def test_entries_of_a_list_are_matched_by_their_names():
    text = json.dumps({"models": [{"name": "a", "own": 1}, {"name": "b"}, "odd"], "deny": ["Read"]})
    wanted = {"models": [{"name": "a", "url": "u"}, {"name": "c"}], "deny": ["WebSearch", "Read"]}
    assert json.loads(edit_settings(text, "json", wanted)) == {
        "models": [{"name": "a", "own": 1, "url": "u"}, {"name": "b"}, "odd", {"name": "c"}],
        "deny": ["Read", "WebSearch"],
    }


def test_a_list_gets_a_new_entry():
    text = "- model_id: a # mine\n"
    wanted = [{"model_id": "b", "key": None}]
    assert edit_settings(text, "yaml", wanted) == "- model_id: a # mine\n- model_id: b\n"
    assert edit_settings("", "yaml", wanted) == "- model_id: b\n"


def test_conditional_settings_are_kept_and_stale_ones_removed():
    wanted = {"schema": IfMissing("ours"), "other": IfMissing(1), "stale": None, "never": None}
    text = edit_settings('{"schema": "theirs", "stale": true}', "json", wanted)
    assert json.loads(text) == {"schema": "theirs", "other": 1}


def test_true_is_not_one():
    assert json.loads(edit_settings('{"a": 1}', "json", {"a": True}))["a"] is True


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("json", '{"a": 1, "a": 2}', "twice"),
        ("json", "[1]", "not an object"),
        ("json", '{"providers": "text"}', "providers is not an object"),
        ("toml", 'providers = "text"', "providers is not an object"),
        ("toml", 'providers.other.name = "x"\n', "safely"),
        ("yaml", "- a\n", "not an object"),
        ("yaml", "# nothing else\n", "nothing but comments"),
    ],
)
def test_files_that_can_not_be_merged_are_left_to_the_user(kind, text, message):
    with pytest.raises(ByHandError, match=message):
        edit_settings(text, kind, WANTED)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("json", '{"a": '),
        ("json", "{'a': 1}"),
        ("json", '{"a": // "b"\n'),
        ("json", "[" * 100_000),
        ("toml", "a = \n"),
        ("toml", "a = 1\na = 2\n"),
        ("yaml", "a: [1\n"),
        ("yaml", "a: 1\na: 2\n"),
        ("yaml", "\ta: 1\n"),
        ("yaml", "a: 1\n---\nb: 2\n"),
    ],
)
def test_broken_files_are_an_error(kind, text):
    with pytest.raises(ConfigError) as caught:
        edit_settings(text, kind, WANTED)
    assert not isinstance(caught.value, ByHandError)


@pytest.mark.parametrize(
    "text",
    [
        'model_providers = {other = {name = "x"}}\n',
        '[a]\nb = 1\n[model_providers.other]\nname = "x"\n[c]\nd = 2\n',
        '[model_providers]\n[model_providers.bridge]\nname = "old"\nurl = "v" # mine\n',
        "[[list]]\na = 1979-05-27\n\n[[list]]\na = 2\n",
    ],
)
def test_toml_of_any_form_keeps_its_other_settings(text):
    wanted = {"model": "m", "model_providers": {"bridge": {"url": "u"}}}
    found = tomllib.loads(edit_settings(text, "toml", wanted))
    before = tomllib.loads(text)
    assert found["model"] == "m"
    assert found["model_providers"]["bridge"]["url"] == "u"
    assert {name: value for name, value in found.items() if name not in ("model", "model_providers")} == {
        name: value for name, value in before.items() if name != "model_providers"
    }
