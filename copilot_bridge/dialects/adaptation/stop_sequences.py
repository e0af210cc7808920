"""Stop sequences that the target does not take: the bridge ends the answer where one stands.

A text that may be the beginning of a stop sequence waits until it is known.  What is complete first ends the
answer, and of several that end at the same place the longest.  Only texts count, each for itself: no
thoughts, and no arguments of calls.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from copilot_bridge.dialects.adaptation.blank_texts import is_blank
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.events import Event, ResponseFinished, TextDelta, TokenUsage

StopSequences = tuple[str, ...]


def split_stop_sequences(stops: StopSequences, limits: Limits) -> tuple[StopSequences, StopSequences]:
    """(those that the target is told, those that the bridge has to see to: all, if it has to see to any)."""
    told = tuple(stop for stop in stops if limits.blank_stops or not is_blank(stop))
    max_count = len(told) if limits.stops is None else limits.stops
    told = told[:max_count]
    return told, () if told == stops else tuple(filter(None, dict.fromkeys(stops)))


class StopSequenceFinder:
    """A text in pieces in, what may be given out of it out.  `found`: the stop sequence that ends it."""

    def __init__(self, stops: StopSequences) -> None:
        self._stops = stops
        self._held = ""
        self.found: str | None = None

    def feed(self, piece: str) -> str:
        text = joined(self._held + piece)
        if found := first_stop(text, self._stops):
            start, self.found = found
            self._held = ""
            return text[:start]
        kept = beginning_at_the_end(text, self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def rest(self) -> str:
        """What waited, once no more is to come."""
        rest, self._held = self._held, ""
        return rest


def first_stop(text: str, stops: StopSequences) -> tuple[int, str] | None:
    """(where it begins, the stop sequence)."""
    places = [(start + len(stop), start, stop) for stop in stops if (start := text.find(stop)) >= 0]
    return min(places)[1:] if places else None


def beginning_at_the_end(text: str, stops: StopSequences) -> int:
    """How many characters at the end of the text may be the beginning of a stop sequence."""
    longest = min(len(text), max(map(len, stops)) - 1)
    half = int("\ud800" <= text[-1:] <= "\udbff")  # of a character that goes on
    return next((n for n in range(longest, half, -1) if begins_any(text[-n:], stops)), half)


def joined(text: str) -> str:
    """With the halves of characters that came in two pieces made whole."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


def begins_any(text: str, stops: StopSequences) -> bool:
    return any(stop.startswith(text) for stop in stops)


class EventSource(Protocol):
    """`usage`: as far as it is known."""

    @property
    def usage(self) -> TokenUsage: ...
    def feed(self, data: bytes) -> Iterable[Event]: ...
    def close(self) -> Iterable[Event]: ...


class StopSequenceReader:
    """A reader's events, until a stop sequence stands in a text.  `stopped`: nothing more of it is wanted."""

    def __init__(self, reader: EventSource, stops: StopSequences) -> None:
        self._reader = reader
        self._stops = stops
        self._finder = StopSequenceFinder(stops)
        self._part = -1  # that the finder is at
        self.stopped = False

    @property
    def usage(self) -> TokenUsage:
        return self._reader.usage

    def feed(self, data: bytes) -> Iterator[Event]:
        yield from self._cut(self._reader.feed(data))

    def close(self) -> Iterator[Event]:
        yield from self._cut(self._reader.close())

    def _cut(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if self.stopped:
                return
            if not isinstance(event, TextDelta) or event.part != self._part:
                yield from self._leave()
            if isinstance(event, TextDelta):
                yield from self._text(event)
            else:
                yield event

    def _text(self, event: TextDelta) -> Iterator[Event]:
        self._part = event.part
        if text := self._finder.feed(event.text):
            yield TextDelta(event.part, text)
        if self._finder.found is not None:
            self.stopped = True
            yield ResponseFinished("stop", self._reader.usage, stop=self._finder.found)

    def _leave(self) -> Iterator[Event]:
        if rest := self._finder.rest():
            yield TextDelta(self._part, rest)
