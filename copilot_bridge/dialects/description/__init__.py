"""The words for describing an API: endpoints, schemas, and the fields that several APIs share.

Each dialect's folder describes its own endpoints with them; `openapi/` makes one document of all.
"""
