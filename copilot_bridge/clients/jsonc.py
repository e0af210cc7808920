"""Edits JSON, also with comments, in place: only the values that change are rewritten.

The text is parsed into nodes that know where they stand; the difference to the wanted content becomes a list
of edits of the text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)  # between two tokens
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
SCALAR = re.compile(r"[^\s,:\[\]{}\"/]+")
LAST_INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


@dataclass
class Node:
    """A value and its place in the text: text[start:end]."""

    start: int
    end: int = 0


@dataclass
class Scalar(Node):
    value: Any = None


@dataclass
class Member:
    """A member of an object, or an entry of a list (without a name).

    :param after: where the comma that follows it ends; 0: no comma follows.
    """

    start: int
    name: str
    node: Node
    after: int = 0


@dataclass
class Container(Node):
    brackets: str = "{}"
    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True)
class Edit:
    """Replace text[start:end]."""

    start: int
    end: int
    text: str


def rewrite(text: str, content: Any) -> str:
    """The text changed to mean `content`; its comments and its layout stay."""
    while edit := next(removals(text, Parser(text).value(), content), None):  # one may border on another
        text = applied(text, [edit])
    return applied(text, changes(text, Parser(text).value(), content))


def applied(text: str, edits: Iterable[Edit]) -> str:
    in_order = sorted(edits, key=lambda edit: edit.start)
    for edit in in_order[::-1]:  # two at one place stay in their order
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class Parser:
    """Reads JSON with comments and trailing commas that another parser has found to be valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def value(self) -> Node:
        found = self._text[self._at]
        return self._container() if found in "{[" else self._scalar()

    def _scalar(self) -> Scalar:
        match = (STRING if self._text[self._at] == '"' else SCALAR).match(self._text, self._at)
        if match is None:
            raise ValueError(f"no JSON value at {self._at}")
        self._at = match.end()
        return Scalar(match.start(), match.end(), json.loads(match[0]))

    def _container(self) -> Container:
        brackets = "{}" if self._text[self._at] == "{" else "[]"
        found = Container(self._at, brackets=brackets)
        self._at += 1
        self._skip()
        while self._text[self._at] != brackets[1]:
            found.members.append(self._member(named=brackets == "{}"))
        self._at += 1
        found.end = self._at
        return found

    def _member(self, *, named: bool) -> Member:
        start, name = self._at, ""
        if named:
            name = str(self._scalar().value)
            self._skip()
            self._at += 1  # the colon
            self._skip()
        member = Member(start, name, self.value())
        self._skip()
        if self._text[self._at] == ",":
            self._at += 1
            member.after = self._at
            self._skip()
        return member

    def _skip(self) -> None:
        match = SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at


def changes(text: str, node: Node, content: Any) -> Iterator[Edit]:
    """The edits that make the node's text mean `content`."""
    if isinstance(node, Container) and node.brackets == "{}" and isinstance(content, dict):
        yield from object_changes(text, node, content)
    elif isinstance(node, Container) and node.brackets == "[]" and isinstance(content, list):
        yield from list_changes(text, node, content)
    elif not isinstance(node, Scalar) or repr(node.value) != repr(content):  # True is no 1 here
        yield Edit(node.start, node.end, dumped(content, text, indent_at(text, node.start)))


def object_changes(text: str, node: Container, content: dict[str, Any]) -> Iterator[Edit]:
    """The edits of an object whose members are all in the content."""
    for member in node.members:
        yield from changes(text, member.node, content[member.name])
    known = {member.name for member in node.members}
    added = [(f"{quoted(name)}: ", value) for name, value in content.items() if name not in known]
    yield from additions(text, node, added)


def list_changes(text: str, node: Container, content: list[Any]) -> Iterator[Edit]:
    if len(content) < len(node.members):  # settings are only ever added to lists
        yield Edit(node.start, node.end, dumped(content, text, indent_at(text, node.start)))
        return
    for member, value in zip(node.members, content, strict=False):
        yield from changes(text, member.node, value)
    yield from additions(text, node, [("", value) for value in content[len(node.members) :]])


def removals(text: str, node: Node, content: Any) -> Iterator[Edit]:
    """The edits that take out the members of objects that are not in the content."""
    if not isinstance(node, Container) or node.brackets != "{}" or not isinstance(content, dict):
        return
    for member in node.members:
        if member.name in content:
            yield from removals(text, member.node, content[member.name])
        else:
            yield removal(text, node, member)


def removal(text: str, node: Container, member: Member) -> Edit:
    """The edit that removes a member with the comma after it, or the last one with the comma before it."""
    if not member.after:
        before = node.members.index(member) - 1
        return Edit(node.members[before].node.end if before >= 0 else member.start, member.node.end, "")
    following = SPACE.match(text, member.after)
    comments = following is None or following[0].strip()
    return Edit(member.start, member.after if comments or following is None else following.end(), "")


def additions(text: str, node: Container, added: list[tuple[str, Any]]) -> Iterator[Edit]:
    """The edits that add (label, value) pairs at the end of the container, in its own layout."""
    if not added:
        return
    inner = text[node.start + 1 : node.end - 1]
    filled = inner.rstrip()
    outer = indent_at(text, node.start)
    last = node.members[-1] if node.members else None
    own = indent_at(text, last.start) if last else outer + unit(text)
    if last and not last.after:
        yield Edit(last.node.end, last.node.end, ",")
    gap = f"\n{own}" if "\n" in inner or not last else " "
    body = f",{gap}".join(label + dumped(value, text, own) for label, value in added)
    comma = "," if last and last.after else ""
    at = node.start + 1 + len(filled)
    if gap == " " or "\n" in inner[len(filled) :]:
        yield Edit(at, at, gap + body + comma)
    else:
        yield Edit(at, node.end - 1, f"{gap}{body}{comma}\n{outer}")


def indent_at(text: str, position: int) -> str:
    """The indentation of the line of this position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def unit(text: str) -> str:
    """One step of indentation."""
    found = LAST_INDENT.search(text)
    return found[1] if found else "  "


def dumped(value: Any, text: str, indent: str) -> str:
    return json.dumps(value, indent=unit(text), ensure_ascii=False).replace("\n", f"\n{indent}")


def quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
