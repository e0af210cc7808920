"""The grounding of a Gemini response: what was searched for, the pages, and the words that rely on them."""

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Citation, ServerToolCall, ServerToolResult, Source


class Grounding:
    """Collects what `groundingMetadata` and `urlContextMetadata` say.  Google counts places in bytes."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._sources: list[Source] = []
        self._asked: dict[str, str] = {}  # call -> the address of the page that it asks for
        self._read: list[JsonObject] = []  # pages that were asked for by their addresses
        self._supports: list[JsonObject] = []
        self._texts: list[str] = []
        self._starts: dict[int, int] = {}  # part -> the characters before it

    def add_text(self, part: int, text: str) -> None:
        if part not in self._starts:
            self._starts[part] = sum(map(len, self._texts))
        self._texts.append(text)

    def add_call(self, call: ServerToolCall) -> None:
        if query := call.arguments.get("query"):
            self._queries.append(str(query))
        elif url := call.arguments.get("url"):
            self._asked[call.id] = str(url)

    def add_result(self, result: ServerToolResult) -> None:
        self._sources += (source for source in result.sources if source not in self._sources)
        if url := self._asked.pop(result.id, ""):
            status = f"URL_RETRIEVAL_STATUS_{'ERROR' if result.error else 'SUCCESS'}"
            self._read.append({"retrievedUrl": url, "urlRetrievalStatus": status})

    def add_citation(self, citation: Citation) -> None:
        if citation.source not in self._sources:
            return
        text, start = "".join(self._texts), self._starts.get(citation.part, 0)
        end = start + citation.start
        begin = max(text.rfind(citation.claim, 0, end), 0) if citation.claim else end
        segment = {
            "startIndex": len(text[:begin].encode()),
            "endIndex": len(text[: begin + len(citation.claim)].encode()),
            "text": citation.claim,
        }
        index = self._sources.index(citation.source)
        self._supports.append({"segment": segment, "groundingChunkIndices": [index]})

    def fields(self) -> JsonObject:
        """The fields of a candidate; {} if nothing was searched for."""
        chunks = [{"web": {"uri": source.url, "title": source.title}} for source in self._sources]
        metadata = {
            "webSearchQueries": self._queries,
            "groundingChunks": chunks,
            "groundingSupports": self._supports,
        }
        grounding = {name: value for name, value in metadata.items() if value}
        read = {"urlContextMetadata": {"urlMetadata": self._read}} if self._read else {}
        return ({"groundingMetadata": grounding} if grounding else {}) | read
