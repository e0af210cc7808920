"""systemd/copilot-bridge.env, made of the settings' table.

After a change of settings: `python tests/env_example.py > systemd/copilot-bridge.env`.
"""

import sys
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from copilot_bridge.config.settings import settings, spell, variable

HEAD = """\
# Settings of the service, each with its default.  Remove a # to set one, then:
#   systemctl reload copilot-bridge
# (copilot-bridge.socket holds the address: `systemctl edit copilot-bridge.socket` changes it).
"""

# What the unit says already.
OF_THE_UNIT = {
    "host": "the socket unit's ListenStream counts",
    "port": "the socket unit's ListenStream counts",
    "home": "the unit's StateDirectory, /var/lib/copilot-bridge",
}


def example() -> str:
    return HEAD + "".join(f"\n{entry(setting)}" for setting in settings())


def entry(setting: Field[Any]) -> str:
    about: str = setting.metadata["about"]
    note = f"; {OF_THE_UNIT[setting.name]}" if setting.name in OF_THE_UNIT else ""
    return f"# {about[:1].upper()}{about[1:]}{note}\n#{variable(setting.name)}={default(setting)}\n"


def default(setting: Field[Any]) -> str:
    """Empty where there is none, or where it depends on the machine."""
    if setting.default is MISSING:
        return ""
    return f"{setting.default:g}" if isinstance(setting.default, float) else spell(setting.default)


if __name__ == "__main__":
    sys.stdout.write(example())
