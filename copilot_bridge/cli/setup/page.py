"""Where a client's page of the documentation is: it comes with the package."""

from importlib.resources import files
from pathlib import Path, PurePath

from copilot_bridge.clients import Client


def page_of(client: Client) -> Path:
    """Its path, as short as it can be said from here."""
    packaged = Path(str(files("copilot_bridge.clients"))) / "pages" / PurePath(client.page).name
    page = packaged.resolve()
    return page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
