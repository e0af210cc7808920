"""Rules make the URLs that werkzeug's own make, and compile nothing before."""

import pytest
from werkzeug.routing import Map, Rule

from copilot_bridge.http.url_rules import LazyRule

RULES = (
    ("/plain", "plain", None),
    ("/files/<wanted>/<path:name>", "files", None),
    ("/<int:number>/of/<kind>", "number", {"kind": "all"}),
)


def adapter_of(rule_class: type[Rule]):
    rules = [rule_class(path, endpoint=name, defaults=defaults) for path, name, defaults in RULES]
    return Map(rules).bind("localhost")


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("plain", {}),
        ("plain", {"more": "a b"}),
        ("files", {"wanted": "1.2", "name": "deep/ä.css"}),
        ("number", {"number": 7}),
        ("number", {"number": 7, "kind": "all", "q": "x"}),
    ],
)
def test_a_lazy_rule_makes_the_same_urls(endpoint, values):
    for append in (True, False):
        made, expected = (
            adapter_of(kind).build(endpoint, values, append_unknown=append) for kind in (LazyRule, Rule)
        )
        assert made == expected


def test_a_rule_compiles_its_functions_once_and_when_a_url_is_made(monkeypatch):
    compiled = []
    compile_builder = Rule._compile_builder

    def count(rule, append_unknown=True):
        compiled.append(rule.endpoint)
        return compile_builder(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", count)
    adapter = adapter_of(LazyRule)
    assert adapter.match("/plain") == ("plain", {})
    assert compiled == []
    assert adapter.build("plain") == adapter.build("plain") == "/plain"
    assert compiled == ["plain"]
