"""The APIs that clients speak and Copilot offers, as pure functions and state machines.

A dialect is a folder, and a row in `registry`.  Its `dialect` is the record that the rest of the bridge
reads; `request` and `schema` validate what clients send; `prompt_reader` and `prompt_writer` translate
requests, `reader` and `writer` streams, by way of `events`; `normalize` and `response` correct what is passed
on; `errors`, `framing` and `model_list` are its own forms.  What is the same in all dialects is beside them:
`adaptation` makes a prompt fit its target, and `framing` turns a writer's frames into bytes.

They take and give bytes and dicts: nothing in here does I/O, reads a clock, or imports flask or requests.
"""
