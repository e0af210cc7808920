"""The tables agree with each other, and the package with its rules."""

import ast
import json
from pathlib import Path

import copilot_bridge.simulator
from copilot_bridge.simulator.accounts import FORMS
from copilot_bridge.simulator.directives import ALIASES, DIRECTIVES, RESPONSE
from copilot_bridge.simulator.edits import INSERTIONS
from copilot_bridge.simulator.model_response import CHANGES, TEXTS
from copilot_bridge.simulator.personas import PERSONAS
from copilot_bridge.simulator.quota import QUOTAS
from copilot_bridge.simulator.refusals.catalogue import CATALOGUE
from copilot_bridge.simulator.wording import WORDINGS

PACKAGE = Path(copilot_bridge.simulator.__file__).parent
SCENARIOS = PACKAGE / "scenarios"


def test_personas_name_rows_that_exist() -> None:
    for persona in PERSONAS.values():
        assert {*persona.exchanges, persona.capi, persona.chat} <= {"ok", None, *CATALOGUE}
        assert persona.user_info in {*FORMS, *CATALOGUE}
        assert persona.plan.quota in QUOTAS


def test_each_directive_about_a_response_stands_in_one_place() -> None:
    tables = {*TEXTS, *CHANGES, *INSERTIONS}
    elsewhere = {"think", "tools", "plan", "no-usage", "no-done", "whitespace-loop", "scenario", "flood"}
    elsewhere |= {"failed", "deltas-missing", "done-marker", "late-summary", "redacted", "search"}
    assert tables | elsewhere == {name for name, kind in DIRECTIVES.items() if kind.group == RESPONSE}


def test_former_names_lead_to_directives_and_are_none() -> None:
    assert {*ALIASES.values()} <= DIRECTIVES.keys()
    assert not ALIASES.keys() & DIRECTIVES.keys()


def test_every_vendor_has_its_wording() -> None:
    rows = [row for path in SCENARIOS.glob("models-*.json") for row in json.loads(path.read_bytes())["data"]]
    assert {row["vendor"] for row in rows} == WORDINGS.keys()


def test_every_recording_is_listed() -> None:
    listed = json.loads((SCENARIOS / "index.json").read_bytes())
    files = {path.stem for path in SCENARIOS.iterdir() if not path.stem.startswith("models-")} - {"index"}
    assert listed.keys() == files


def test_the_simulator_imports_nothing_of_the_bridge() -> None:
    for path in PACKAGE.rglob("*.py"):
        found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        ours = [node.module or "" for node in found if (node.module or "").startswith("copilot_bridge")]
        assert all(module.startswith("copilot_bridge.simulator") for module in ours)
