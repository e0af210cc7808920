"""Web search: `WebSearch.search(query, access)` finds pages by one of Copilot's two engines.

`responses_engine` has a small model search through Copilot's Responses, `mcp_engine` calls the tool of
GitHub's MCP server.  Neither knows of the request for which the search is made.
"""

OFF = "off"  # the setting, besides the names of the engines and "auto"
