"""OpenAI's Chat Completions, as clients and Copilot speak it.

`request` validates requests, `prompt_reader` and `prompt_writer` convert them to and from the hub's prompt,
`reader` and `writer` convert streams to and from the hub's events, `normalize` corrects Copilot's streams,
`response` handles whole responses, and `errors` writes errors.
"""
