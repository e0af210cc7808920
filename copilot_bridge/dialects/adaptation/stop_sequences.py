"""Stop sequences that a target does not accept, enforced by the bridge.

A text that may be the beginning of a stop sequence is held back until that is decided.  The first sequence
to be complete ends the response, and the longest of those that end at the same position.  Only texts count,
each for itself, and not reasoning or the arguments of tool calls.
"""

from collections.abc import Iterable, Iterator

from copilot_bridge.dialects.adaptation.blank_texts import is_blank
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.events import Event, EventReader, ResponseFinished, TextDelta, TokenUsage

StopSequences = tuple[str, ...]


def split_stop_sequences(stops: StopSequences, limits: Limits) -> tuple[StopSequences, StopSequences]:
    """Return the stop sequences to pass on, and those to enforce: all of them if any can't be passed on.

    An empty one, which no text is ended by, is neither.
    """
    wanted = tuple(filter(None, dict.fromkeys(stops)))
    passed = tuple(stop for stop in wanted if limits.blank_stops or not is_blank(stop))
    max_count = len(passed) if limits.stops is None else limits.stops
    passed = passed[:max_count]
    return passed, () if passed == wanted else wanted


class StopSequenceFinder:
    """Searches a text that comes in pieces for stop sequences.

    :ivar found: the stop sequence that ended the text.
    """

    def __init__(self, stops: StopSequences) -> None:
        self._stops = stops
        self._held = ""
        self.found: str | None = None

    def feed(self, piece: str) -> str:
        """Return the text that can be given out."""
        text = joined(self._held + piece)
        if found := first_stop(text, self._stops):
            start, self.found = found
            self._held = ""
            return text[:start]
        held = beginning_at_the_end(text, self._stops)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """Return the text that was held back, when no more is to come."""
        held, self._held = self._held, ""
        return held


def first_stop(text: str, stops: StopSequences) -> tuple[int, str] | None:
    """Return the position of the stop sequence that is complete first, and the sequence."""
    matches = [(start + len(stop), start, stop) for stop in stops if (start := text.find(stop)) >= 0]
    return min(matches)[1:] if matches else None


def beginning_at_the_end(text: str, stops: StopSequences) -> int:
    """Return how many characters at the end of a text may be the beginning of a stop sequence."""
    longest = min(len(text), max(map(len, stops)) - 1)
    half = int("\ud800" <= text[-1:] <= "\udbff")  # half of a character that the next piece completes
    return next((n for n in range(longest, half, -1) if begins_any(text[-n:], stops)), half)


def joined(text: str) -> str:
    """Join halves of a character that came in two pieces."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


def begins_any(text: str, stops: StopSequences) -> bool:
    return any(stop.startswith(text) for stop in stops)


class StopSequenceReader:
    """Passes a reader's events on until a text has a stop sequence.

    :ivar stopped: the rest of the stream is not wanted.
    """

    def __init__(self, reader: EventReader, stops: StopSequences) -> None:
        self._reader = reader
        self._stops = stops
        self._finder = StopSequenceFinder(stops)
        self._part = -1  # the part of the text in the finder
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
                yield from self._release_text()
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

    def _release_text(self) -> Iterator[Event]:
        if remainder := self._finder.rest():
            yield TextDelta(self._part, remainder)
