"""The page of the documentation on a client, which comes with the package."""

from importlib.resources import files
from pathlib import Path, PurePath

from copilot_bridge.clients import Client


def page_of(client: Client) -> Path:
    """The path of the page; relative if it is inside the working directory."""
    packaged = Path(str(files("copilot_bridge.clients"))) / "pages" / PurePath(client.page).name
    page = packaged.resolve()
    return page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
