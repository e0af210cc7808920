"""The scripts of the pages, as far as they need no page: by node, where it is there."""

import json
import shutil
import subprocess

import pytest

from copilot_bridge.http.pages.assets import FOLDER

PURE = FOLDER / "js" / "pure.js"

CASES = (
    ("clock(0)", "0:00"),
    ("clock(125.4)", "2:05"),
    ("clock(3723)", "1:02:03"),
    ("clock(-5)", "0:00"),
    (
        r"""eventsOf('data: {"a":1}\n\nevent: x\ndata: {"b":2}\n\ndata: [DONE]\n\ndata: {"c"')""",
        [[{"a": 1}, {"b": 2}], 'data: {"c"'],
    ),
    ("priceOf({premium: '0.33'}, null)", 0.0132),
    ("priceOf({given: '300', out: '1500'}, {prompt_tokens: 1000, completion_tokens: 200})", 0.006),
    ("priceOf({}, {prompt_tokens: 1})", None),
    ("priceOf({given: '300'}, null)", None),
    ("titled('Home', 'success', '0')", "Home"),
    ("titled('(3) ⚠ Home', 'danger', '0')", "⚠ Home"),
    ("titled('⚠ Home', 'success', '2')", "(2) Home"),
    ("distance(english, -190)", "3 minutes ago"),
    ("distance(english, 2 * 86400 + 5)", "in 2 days"),
    ("distance(english, 0.2)", "now"),
    ("distance(chinese, -3600)", "1小时前"),
    ("styleOf('soon', noon, evening)", {"timeStyle": "short"}),
    ("styleOf('soon', noon, nextYear)", {"dateStyle": "medium", "timeStyle": "short"}),
    ("styleOf('stamp', noon, evening)", {"timeStyle": "medium"}),
    ("styleOf('stamp', noon, nextYear)", {"dateStyle": "medium", "timeStyle": "medium"}),
    ("styleOf('date', noon, evening)", {"dateStyle": "medium"}),
    ("styleOf('unknown', noon, evening)", {"dateStyle": "medium", "timeStyle": "short"}),
)
GIVEN = """
const english = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const chinese = new Intl.RelativeTimeFormat("zh-CN", { numeric: "auto" });
const [noon, evening, nextYear] = [12, 20, 24 * 400].map((hour) => new Date(2026, 10, 30, hour));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node runs the scripts")
def test_pure_functions_return_what_they_should() -> None:
    """All in one process, which takes longer to start than to respond."""
    calls = ", ".join(call for call, _ in CASES)
    script = f"""
        import {{ clock, distance, eventsOf, priceOf, styleOf, titled }} from {json.dumps(PURE.as_uri())};
        {GIVEN}
        console.log(JSON.stringify([{calls}]));
    """
    done = subprocess.run(
        ["node", "--input-type=module"], input=script, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    rounded = [round(value, 9) if isinstance(value, float) else value for value in found]
    assert rounded == [expected for _, expected in CASES]


def test_each_script_is_typed() -> None:
    for path in (FOLDER / "js").glob("*.js"):
        assert "// @ts-check\n" in path.read_text(), path.name
