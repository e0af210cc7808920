"""Tables and prose on narrow screens: a word that is broken can't be copied."""

import pytest
from integration.harness import new_token
from rich.cells import cell_len

from copilot_bridge.cli.terminal import console as screen
from copilot_bridge.cli.terminal.layout import TextTable, hanging, lay_out, wrap

MODELS = TextTable(
    ("ID", "VENDOR", "APIS", "PRICE"),
    (
        ("gemini-3.1-pro-preview", "Google", "chat", "200/1,200, long 400/1,800"),
        ("text-embedding-3-small", "Azure OpenAI", "embeddings", "-"),
        ("gpt-5-mini", "Azure OpenAI", "chat, responses", "25/200"),
    ),
)
PATHS = TextTable(
    ("WHAT", "WHERE"), (("the store", "/home/octo/.local/share/copilot-bridge/bridge.db"), ("", "x"))
)
WIDE = TextTable(
    ("ID", "PROMPT"), (("3f2a", "\N{CJK UNIFIED IDEOGRAPH-4F60}\N{CJK UNIFIED IDEOGRAPH-597D} hello"),)
)


def words(table):
    return {word for row in table.rows for cell in row for word in cell.split()}


@pytest.mark.parametrize("width", [None, 200, 80, 60, 45, 30, 12])
@pytest.mark.parametrize("table", [MODELS, PATHS, WIDE], ids=["models", "paths", "wide"])
def test_no_word_is_broken_or_lost(table, width):
    lines, left_out = lay_out(table, width, ("VENDOR",))
    whole = words(table.without(left_out))
    assert whole <= {word for line in lines for word in line.split()}
    longest = max(map(cell_len, whole))
    for line in lines if width and width >= longest + 8 else ():
        assert cell_len(line) <= width


def test_columns_go_before_lines_are_wrapped():
    assert lay_out(MODELS, 84, ("VENDOR",))[1] == ()
    lines, left_out = lay_out(MODELS, 75, ("VENDOR",))
    assert left_out == ("VENDOR",)
    assert len(lines) == 1 + len(MODELS.rows)
    assert "VENDOR" not in lines[0]


def test_rows_become_blocks_where_no_table_fits():
    lines, left_out = lay_out(MODELS, 30, ("VENDOR",))
    assert left_out == ()
    assert lines[:2] == ["ID      gemini-3.1-pro-preview", "VENDOR  Google"]
    assert lines[2:6] == ["APIS    chat", "PRICE   200/1,200, long", "        400/1,800", ""]


def test_empty_columns_without_a_name_are_left_out():
    table = TextTable(("", "A", ""), (("", "x", "expired"), ("", "y", "")))
    assert table.without_empty() == TextTable(("A", ""), (("x", "expired"), ("y", "")))


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        ("see --max-concurrent there", 8, ["see", "--max-concurrent", "there"]),
    ],
)
def test_text_is_wrapped_at_blanks(text, width, lines):
    assert wrap(text, width) == lines


def test_a_value_is_wrapped_beside_its_name():
    assert hanging("  Models    ", "gpt-4.1, gpt-4o", 22) == ["  Models    gpt-4.1,", "            gpt-4o"]


@pytest.mark.parametrize("arguments", [["models"], ["check-usage"], ["setup"], ["debug"], ["doctor"]])
def test_listings_fit_80_columns(run, arguments):
    """Against the same at any width: each word of it is there whole, but for columns that are named."""
    whole = run(*arguments, "-g", new_token())
    narrow = run(*arguments, "-g", new_token(), COLUMNS="80")
    assert whole.out != narrow.out
    for line in narrow.out.splitlines():
        assert cell_len(line) <= 80 or len(line.split()[-1]) > 60, "only a long path may be wider"
    first = {line.split()[0] for line in whole.out.splitlines() if line.strip()}
    assert first <= set(narrow.out.split())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["auth", "use", "somebody-with-a-long-name"], "'somebody-with-a-long-name'"),
        (
            ["models", "--frobnicate-everything-there-is-to-be-seen"],
            "'--frobnicate-everything-there-is-to-be-seen'.",
        ),
        (["setup", "emacs"], "copilot-cli,"),
        (["start", "--check", "--api-key", "short"], "(`copilot-bridge"),
    ],
)
def test_messages_fit_a_narrow_terminal(run, monkeypatch, arguments, word):
    monkeypatch.setattr(screen, "width", lambda _stream: 66)
    output = run(*arguments).err.splitlines()
    assert max(map(cell_len, output)) <= 66
    assert word in " ".join(output).split()


def test_an_error_is_one_line_where_no_terminal_is(run):
    line = run("auth", "use", "x" * 100, COLUMNS="40").line
    assert "x" * 100 in line


@pytest.mark.parametrize(
    ("typed", "meant"), [("codx", "codex"), ("claudecode", "claude-code"), ("open-code", "opencode")]
)
def test_a_misspelt_client_gets_a_suggestion(run, typed, meant):
    assert run("setup", typed).err.endswith(f"there is no client '{typed}'; did you mean {meant}?\n")
