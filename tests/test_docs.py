"""What there is, the README tells of; what it tells of, there is."""

import re
from pathlib import Path

import pytest

from copilot_bridge.cli import COMMANDS
from copilot_bridge.config import ENV_FILE, FIELD_OF_VARIABLE, settings, spell, variable

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.name)
def test_each_setting_is_in_the_settings_table(setting):
    names = [name for name, field in FIELD_OF_VARIABLE.items() if field == setting.name]
    flags = [flag for given in setting.metadata["flags"] for flag in given.split("/")]
    rows = [line for line in README.splitlines() if line.startswith("|") and f"`{names[-1]}`" in line]
    assert len(rows) == 1
    for told in (*names, *flags):
        assert f"`{told}`" in rows[0], told


PLAIN = [each for each in settings() if isinstance(each.default, str | int | float)]


@pytest.mark.parametrize("setting", PLAIN, ids=lambda setting: setting.name)
def test_each_default_is_told(setting):
    row = next(line for line in README.splitlines() if f"`{variable(setting.name)}`" in line)
    shown = f"{setting.default:g}" if isinstance(setting.default, float) else spell(setting.default)
    assert f"`{shown}`" in row.rsplit("|", 2)[1]


def test_the_readme_names_no_setting_that_is_not_there():
    named = set(re.findall(r"COPILOT_BRIDGE_[A-Z_]+", README))
    assert named <= {*FIELD_OF_VARIABLE, ENV_FILE}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_documented(name):
    assert f"`copilot-bridge {name}`" in README


def test_each_endpoint_is_documented(tmp_path):
    from copilot_bridge.app import create_app
    from copilot_bridge.config import Config

    app = create_app(Config(home=tmp_path))
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = re.sub(r"<[^>]+>", "{id}", rule.rule).replace("/v1/v1", "/v1")
            spelled = (f"`{method} {path}`", f"`{method} /v1{path}`")
            assert any(each in README for each in spelled), spelled


def test_the_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w+)\b", README)) - {"and", "it"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
