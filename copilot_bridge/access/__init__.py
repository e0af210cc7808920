"""Access control: API keys, origins of requests, rate limits and approval.  Free of HTTP."""
