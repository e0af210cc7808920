"""Google's Gemini API, as its clients speak it.  Copilot does not have it, so every request is translated.

`spelling` gives the fields of a body one spelling, `request` validates requests, `prompt_reader` converts
them to the hub's prompt, `writer` converts the hub's events to chunks, `response` joins chunks into whole
responses, `signatures` encodes what upstream has to get back, and `errors` writes errors.
"""
