"""Images and pages on the public web, fetched for clients.

`fetcher` fetches safely; `images` and `pages` interpret the content.
"""
