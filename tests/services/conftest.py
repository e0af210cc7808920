"""A bridge for the proxies in front of it, and services for systemd."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import PATIENCE, Bridge, Simulator, Start
from integration.services import MakeUnit, Unit
from services.reverse_proxies import NAME, OPERATOR, find


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem and key.pem of the public name."""
    here = tmp_path_factory.mktemp("certificate")
    made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    named = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
    files = ("-keyout", here / "key.pem", "-out", here / "cert.pem")
    subprocess.run(
        [find("openssl"), *made, *named, *files], check=True, capture_output=True, timeout=PATIENCE
    )
    return here


@pytest.fixture(scope="session")
def served(_launch: Start) -> Iterator[Bridge]:
    """Open to whoever has a key: one of them is the operator's."""
    bridge = _launch(allowed_host=NAME, api_key=OPERATOR).warm_up(OPERATOR)
    yield bridge
    bridge.stop()


@pytest.fixture
def make_unit(tmp_path: Path, simulator: Simulator) -> Iterator[MakeUnit]:
    """Starts services as systemd would; they end with the test."""
    made: list[Unit] = []

    def make(**settings: object) -> Unit:
        made.append(Unit(tmp_path, simulator, **settings))
        return made[-1]

    yield make
    for unit in made:
        unit.close()
