"""The vendors' packages search the web with a model of each vendor, and read the sources."""

import pytest
from clients import connect_anthropic, connect_openai
from google import genai
from google.genai import types
from integration.harness import Bridge

MODELS = ["claude-sonnet-4.5", "gpt-5.3-codex", "gemini-3.1-pro-preview"]
PLAIN = {"verify": False}

each_model = pytest.mark.parametrize("model", MODELS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def plan(mark: str) -> str:
    """One search; the response has a link to the first page that is found."""
    step = f'[{{"tool": "web_search", "arguments": {{"query": "{mark}"}}}}]'
    return f"[[sim:plan]] {step} [[sim:say]] It is so: [page](https://example.com/{mark})."


def is_page(url: str, mark: str) -> bool:
    return url.split("?")[0] == f"https://example.com/{mark}"


@each_model
@both_ways
def test_anthropics_search_cites_its_pages(bridge: Bridge, mark: str, model: str, stream: bool) -> None:
    given = {
        "model": model,
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": plan(mark)}],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}],
    }
    with connect_anthropic(bridge) as client:
        if stream:
            with client.messages.stream(**given) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**given)
        by_type = {block.type: block for block in message.content}
        assert by_type["server_tool_use"].input == {"query": mark}
        assert is_page(by_type["web_search_tool_result"].content[0].url, mark)
        [citation] = message.content[-1].citations
        assert (citation.type, is_page(citation.url, mark)) == ("web_search_result_location", True)
        assert message.usage.server_tool_use.web_search_requests == 1
        history = [
            *given["messages"],
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": "And now?"},
        ]
        again = client.messages.create(**given | {"messages": history})
        assert "And now?" in again.content[-1].text


@each_model
@both_ways
def test_responses_search_cites_its_pages(bridge: Bridge, mark: str, model: str, stream: bool) -> None:
    said = f"[[sim:search]] {mark}" if model.startswith("gpt") else plan(mark)
    given = {"model": model, "input": said, "tools": [{"type": "web_search"}]}
    with connect_openai(bridge) as client:
        if stream:
            with client.responses.stream(**given) as events:
                kinds = {event.type for event in events}
                response = events.get_final_response()
            assert {"response.web_search_call.searching", "response.web_search_call.completed"} <= kinds
            assert "response.output_text.annotation.added" in kinds
        else:
            response = client.responses.create(**given)
        [call] = [item for item in response.output if item.type == "web_search_call"]
        assert (call.status, call.action.query) == ("completed", mark)
        annotations = response.output[-1].content[0].annotations
        assert is_page(annotations[0].url, mark)
        again = client.responses.create(
            model=model, previous_response_id=response.id, input="And now?", tools=given["tools"]
        )
        assert "And now?" in again.output_text


@each_model
@both_ways
def test_chats_search_cites_its_pages(bridge: Bridge, mark: str, model: str, stream: bool) -> None:
    given = {
        "model": model,
        "messages": [{"role": "user", "content": plan(mark)}],
        "web_search_options": {"search_context_size": "low"},
    }
    with connect_openai(bridge) as client:
        if stream:
            with client.chat.completions.stream(**given) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**given).choices[0].message
    [annotation] = message.annotations
    cited = annotation.url_citation
    assert is_page(cited.url, mark)
    assert message.content[cited.start_index : cited.end_index] == f"[page]({cited.url})"


@each_model
@both_ways
def test_googles_search_has_its_grounding(bridge: Bridge, mark: str, model: str, stream: bool) -> None:
    options = types.HttpOptions(base_url=bridge.url, timeout=20_000, client_args=PLAIN)
    config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    with genai.Client(api_key="any", http_options=options) as client:
        if stream:
            pieces = client.models.generate_content_stream(model=model, contents=plan(mark), config=config)
            candidate = [piece.candidates[0] for piece in pieces][-1]
        else:
            whole = client.models.generate_content(model=model, contents=plan(mark), config=config)
            candidate = whole.candidates[0]
    grounding = candidate.grounding_metadata
    assert grounding.web_search_queries == [mark]
    assert is_page(grounding.grounding_chunks[0].web.uri, mark)
    [support] = grounding.grounding_supports
    assert support.segment.text == "It is so:"
    assert support.grounding_chunk_indices == [0]
