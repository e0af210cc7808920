"""Chat Completions bodies with parts in the forms of Responses and Messages, which get chat's own form.

Clients that were written for several APIs send such parts to this one: flat tools as in Responses,
Anthropic's tools and content blocks, and settings under the names of either.  Cursor sends all of them,
depending on the model's name (seen by several proxies, 2026).  Whatever has no known form is left to the
validators.
"""
