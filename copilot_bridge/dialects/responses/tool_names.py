"""The original names of tools in namespaces, which other dialects do not have."""

from msgspec import Struct, field

from copilot_bridge.dialects.adaptation.safe_names import safe_name

NAMESPACE_SEPARATOR = "__"  # joins a namespace and the name in it
MAX_NAME_LENGTH = 64


class ToolNames(Struct, frozen=True):
    """The original names of the tools in a translated request: name -> (namespace or None, name)."""

    of: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def add(self, namespace: str | None, name: str) -> str:
        """Register a tool, and return the name that it has in the translated request."""
        flat = flatten(namespace, name)
        self.of[flat] = (namespace, name)
        return flat


def flatten(namespace: str | None, name: str) -> str:
    """Join a namespace and a name into one name, always the same."""
    return safe_name(f"{namespace}{NAMESPACE_SEPARATOR}{name}" if namespace else name, MAX_NAME_LENGTH)
