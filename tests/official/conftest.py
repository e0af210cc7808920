"""All runs that the selected tests need begin at once; each test then looks at its own."""

from collections.abc import Iterator

import pytest
from integration.harness import Simulator, Start
from official.golden import NEWS
from official.install import CLI
from official.runs import EVERYTHING, Runner


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write tests/official/golden.json anew")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): the runs that a test looks at")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if news := config.stash.get(NEWS, None):
        terminalreporter.section("the newest Copilot CLI, against golden.json")
        for line in news:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def runner(
    simulator: Simulator,
    _launch: Start,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Runner]:
    assert CLI.is_installed(), "make test-official installs the CLI"
    runner = Runner(
        simulator, lambda: _launch(honor_retry_after=0).warm(), tmp_path_factory.mktemp("official")
    )
    for name in dict.fromkeys(selected(request.session.items)):
        runner.begin(name, EVERYTHING[name])
    yield runner
    runner.close()


def selected(items: list[pytest.Item]) -> Iterator[str]:
    """The names of the runs that the tests look at, in the order of the tests."""
    for item in items:
        marker = item.get_closest_marker("needs")
        yield from marker.args if marker else ()
        callspec = getattr(item, "callspec", None)
        if callspec and callspec.params.get("name") in EVERYTHING:
            yield callspec.params["name"]
