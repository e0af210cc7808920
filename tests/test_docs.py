"""The documentation names all that exists, and nothing that does not."""

import ast
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from copilot_bridge.app import GOOGLE_PREFIXES, PREFIXES, create_app
from copilot_bridge.cli import COMMANDS, cli
from copilot_bridge.config import Config
from copilot_bridge.config.settings import ENV_FILE, FIELD_OF_VARIABLE, settings, spell, variable
from copilot_bridge.openapi.document import LEFT_OUT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CLIENTS = {path.stem: path.read_text() for path in sorted((ROOT / "docs/clients").glob("*.md"))}
OTHERS = {path.stem: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {"README": README, **CLIENTS, **OTHERS}

# page -> its translation
TRANSLATED = {ROOT / "README.md": ROOT / "README.zh-CN.md"} | {
    ROOT / "docs" / path.name: path for path in sorted((ROOT / "docs/zh").glob("*.md"))
}
ORIGINAL = {theirs: ours for ours, theirs in TRANSLATED.items()}
READMES_WORDS = 1_500

# A page's headings, in this order and no others.
HEADINGS = ["What you need", "Set up", "Check it", "Good to know"]

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
ENDPOINT = re.compile(r"(?:\b(GET|POST|HEAD) )?(/(?:v1|api)/(?!v1`)[\w/{}]+(?::\w+)?)")  # but no prefix


def check_shell(text: str) -> None:
    """Raises CalledProcessError."""
    script = re.sub(r"^\$ ", "", text, flags=re.MULTILINE)
    result = subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True)
    assert not result.stderr


PARSERS = {
    "json": json.loads,
    "toml": tomllib.loads,
    "python": ast.parse,
    "sh": check_shell,
    "console": check_shell,
}
UNPARSED = {"text", "yaml", "js", "powershell", "ini", "promql"}  # nothing that the tests need reads them


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block; those in lists without their indentation."""
    return [
        (language, re.sub(rf"^{indent}", "", content, flags=re.MULTILINE))
        for indent, language, content in FENCED.findall(text)
    ]


BLOCKS = [
    pytest.param(language, content, id=f"{name}-{number}-{language}")
    for name, text in PAGES.items()
    for number, (language, content) in enumerate(blocks(text))
    if language not in UNPARSED
]

page = pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    app = create_app(Config(home=tmp_path_factory.mktemp("home")))
    return app.url_map.bind("localhost")


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.name)
def test_each_setting_is_in_the_settings_table(setting):
    names = [name for name, field in FIELD_OF_VARIABLE.items() if field == setting.name]
    flags = [flag for given in setting.metadata["flags"] for flag in given.split("/")]
    rows = [
        line for line in OTHERS["settings"].splitlines() if line.startswith("|") and f"`{names[-1]}`" in line
    ]
    assert len(rows) == 1
    for name in (*names, *flags):
        assert f"`{name}`" in rows[0], name


PLAIN = [setting for setting in settings() if isinstance(setting.default, str | int | float)]


@pytest.mark.parametrize("setting", PLAIN, ids=lambda setting: setting.name)
def test_each_default_is_documented(setting):
    row = next(line for line in OTHERS["settings"].splitlines() if f"`{variable(setting.name)}`" in line)
    shown = f"{setting.default:g}" if isinstance(setting.default, float) else spell(setting.default)
    assert f"`{shown}`" in row.rsplit("|", 2)[1]


@page
def test_no_setting_is_named_that_is_not_there(text):
    named = set(re.findall(r"\b(?:COPILOT_BRIDGE_[A-Z_]+|MODEL_MAPPING)\b", text))
    assert named <= {*FIELD_OF_VARIABLE, ENV_FILE}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_documented(name):
    assert f"| `copilot-bridge {name}` |" in OTHERS["commands"]


def test_each_endpoint_is_documented(routes):
    for rule in routes.map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if f"{method} {rule.rule}" in LEFT_OUT:
                continue
            prefixes = (*PREFIXES, *GOOGLE_PREFIXES)
            prefix = max((prefix for prefix in prefixes if rule.rule.startswith(prefix)), key=len)
            path = re.sub(r"<[^>]+>", "{id}", rule.rule.removeprefix(prefix))
            spelled = (f"`{method} {path}`", f"`{method} /v1{path}`")
            assert any(spelling in OTHERS["endpoints"] for spelling in spelled), spelled


@pytest.mark.parametrize("name", ["README", "development"])
def test_the_make_targets_that_are_named_exist(name):
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([\w-]+)", PAGES[name])) - {"and", "it"}
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_there_is_a_page_for_each_client_and_a_link_to_it():
    linked = re.findall(r"\(clients/([\w-]+)\.md\)", OTHERS["clients"])
    assert linked
    assert sorted(linked) == sorted(CLIENTS)


def test_the_readme_is_short_and_leads_to_every_page():
    assert len(README.split()) <= READMES_WORDS
    assert set(OTHERS) == set(re.findall(r"\(docs/([\w-]+)\.md\)", README))


@pytest.mark.parametrize("text", CLIENTS.values(), ids=CLIENTS)
def test_the_pages_are_alike(text):
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    needed = text.partition("## Set up")[0]
    assert ("Tried with" in needed) != ("not tried" in needed)
    for row in ("base URL", "key", "model"):
        assert re.search(rf"^ *\| {row} \| .+ \|$", text, re.MULTILINE), row


@pytest.mark.parametrize(("language", "content"), BLOCKS)
def test_code_to_paste_can_be_parsed(language, content):
    PARSERS[language](content)


@page
def test_the_endpoints_that_are_named_exist(text, routes):
    for method, path in ENDPOINT.findall(text):
        methods = routes.allowed_methods(path.replace("{id}", "gpt-4.1"))
        assert methods, path
        assert not method or method in methods, (method, path)


@page
def test_addresses_of_the_bridge_are_where_it_listens(text):
    config = Config()
    for host, port in re.findall(r"http://(127\.0\.0\.1|localhost):(\d+)", text):
        assert (host, int(port)) == (config.host, config.port)


@page
def test_the_commands_that_are_named_exist(text):
    code = [*INLINE.findall(text), *(line for _, block in blocks(text) for line in block.splitlines())]
    for line in code:
        found = re.match(r"(?:\$ )?copilot-bridge ([a-z][a-z-]*)(.*)", line)
        if not found:
            continue
        command = cli.get_command(click.Context(cli), found[1])
        assert command, line
        words = found[2].split()
        if isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words[0]]
        taken = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        assert {*re.findall(r"(?<!\S)--[a-z-]+", found[2])} <= {*taken, "--help"}, line


LINKING = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *TRANSLATED.values()]


@pytest.mark.parametrize("path", LINKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_existing_files(path):
    text = path.read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / link).exists(), link
    for named in re.findall(r"(?<![\w/.-])((?:systemd|nginx|launchd|windows)[/\\][\w.-]+\w)", text):
        assert (ROOT / named.replace("\\", "/")).exists(), named


def outline(text: str) -> list[str]:
    """What each paragraph begins with, if it is no text: `## `, `|`, `>`, `!`."""
    return [re.match(r"#+ |[|>!]|", block)[0] for block in FENCED.sub("", text).split("\n\n")]


def sections(text: str) -> list[str]:
    """What stands under each heading, without fenced blocks and the line of languages."""
    return re.split(r"^#+ .+$", FENCED.sub("", text.split("\n", 3)[3]), flags=re.MULTILINE)


def code(text: str) -> list[list[str]]:
    """The code spans of each section, in any order and however its lines are broken."""
    return [
        sorted(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", part)) for part in sections(text)
    ]


def links(path: Path) -> list[list[str]]:
    """Where they lead, of each section, in any order; a translation stands for its original."""
    return [
        sorted(led_to(path, link) for link in re.findall(r"\]\(([^)]+)\)", part))
        for part in sections(path.read_text())
    ]


def led_to(page: Path, link: str) -> str:
    if ":" in link:
        return link
    target = (page.parent / link).resolve()
    return str(ORIGINAL.get(target, target).relative_to(ROOT))


def tables(text: str) -> list[list[tuple[int, list[str]]]]:
    """(bars, code) of each row."""
    return [
        [(row.count("|"), sorted(INLINE.findall(row))) for row in table.splitlines()]
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    ]


def figures(text: str) -> list[list[str]]:
    """The numbers with a fraction or a unit's sign, of each table and in their order."""
    return [
        re.findall(r"\d[\d,]*\.\d+|\d+(?= ?%)", table)
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    ]


def programs(text: str) -> list[tuple[str, str]]:
    """The fenced blocks without their comments."""
    return [
        (language, re.sub(r" *# .*$", "", content, flags=re.MULTILINE)) for language, content in blocks(text)
    ]


@pytest.mark.parametrize("part", [outline, code, tables, figures, programs])
@pytest.mark.parametrize("page", TRANSLATED, ids=lambda path: path.stem)
def test_a_translation_has_all_that_the_page_has(page, part):
    assert part(TRANSLATED[page].read_text()) == part(page.read_text())


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda path: path.stem)
def test_a_translation_leads_to_the_same_pages(page):
    assert links(TRANSLATED[page]) == links(page)


@pytest.mark.parametrize("part", [outline, code, tables, figures, programs])
def test_there_is_something_to_compare(part):
    assert sum(len(part(page.read_text())) for page in TRANSLATED) >= 5


# Pages in English alone: for those who change the bridge, as the Chinese README says.
ENGLISH_ONLY = {"architecture"}


def test_all_guides_are_translated():
    """A new page is, or stands above, and the Chinese README says that it is in English."""
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {page.stem for page in TRANSLATED} == {"README", *(pages - ENGLISH_ONLY)}
    chinese = TRANSLATED[ROOT / "README.md"].read_text()
    for name in ENGLISH_ONLY:
        assert re.search(rf"\(docs/{name}\.md\)\W英文", chinese)


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda path: path.stem)
def test_each_language_leads_to_the_other(page):
    theirs = TRANSLATED[page]
    there, back = (os.path.relpath(to, of.parent) for to, of in ((theirs, page), (page, theirs)))
    assert page.read_text().splitlines()[1:3] == ["", f"English | [简体中文]({there})"]
    assert theirs.read_text().splitlines()[1:3] == ["", f"[English]({back}) | 简体中文"]


def test_tests_named_in_the_security_table_exist() -> None:
    """SECURITY.md's table names files and tests."""
    text = (ROOT / "SECURITY.md").read_text()
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", text))
    assert {file for file in files if not (ROOT / file).is_file()} == set()
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert len(files) > 10
    assert set(re.findall(r"`(test_\w+)`", text)) - defined == set()


ARCHITECTURE = OTHERS["architecture"]


def test_the_architecture_names_every_room() -> None:
    rooms = {path.stem for path in (ROOT / "copilot_bridge").iterdir() if not path.name.startswith("_")}
    named = set(re.findall(r"`(\w+)(?:/|\.py)`", ARCHITECTURE))
    assert rooms - named - {"py"} == set()


def test_the_architecture_names_what_is_there() -> None:
    paths = re.findall(r"`(\w+(?:/[\w.]*)+|\w+\.(?:py|toml))`", ARCHITECTURE)
    folders = (ROOT / "copilot_bridge", ROOT, ROOT / "tests")
    assert [path for path in paths if not any((folder / path).exists() for folder in folders)] == []


def defined_names() -> set[str]:
    trees = (ast.parse(path.read_bytes()) for path in (ROOT / "copilot_bridge").rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return defined | {node.id for node in nodes if isinstance(node, ast.Name)}


def test_the_architecture_names_classes_and_functions_that_are_there() -> None:
    names = set(re.findall(r"`(?:\w+\.)*([A-Z]\w+|\w+(?=\(\)))(?:\(\))?`", ARCHITECTURE))
    assert len(names) > 20
    assert names - defined_names() == set()


def test_the_architecture_names_the_file_of_each_class_and_function() -> None:
    text = " ".join(ARCHITECTURE.split())
    named = re.findall(r"`(?:\w+\.)*(\w+)(?:\(\))?` (?:in |\()`([\w/]+\.py)`", text)
    assert len(named) > 15
    for name, path in named:
        code = (ROOT / "copilot_bridge" / path).read_text()
        assert re.search(rf"^ *(?:def|class) {name}\b|^{name}\b", code, re.MULTILINE), (name, path)


def test_docstrings_name_files_that_are_there() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "copilot_bridge").rglob("*.*")}
    named = [
        (path.relative_to(ROOT), name)
        for path in sorted((ROOT / "copilot_bridge").rglob("*.py"))
        for name in re.findall(r"`([\w/]+/\w+\.(?:py|toml))`", path.read_text())
    ]
    assert [
        (path, name) for path, name in named if not any(file.endswith(f"/{name}") for file in files)
    ] == []
