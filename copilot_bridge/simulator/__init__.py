"""A faithful fake of GitHub and Copilot, run as its own process on loopback.

The bridge needs an upstream for its demo, for its tests and for reports of bugs, and none of these may
need a subscription. So this package plays github.com, api.github.com and the Copilot API on one origin,
quirk by quirk, and misbehaves on request. It imports nothing of the bridge: a fake that shared code with
it would share its mistakes.

How a request travels:

1. `server.Handler` takes it, `ledger.Ledger` writes it down.
2. `github` serves the sign-in side.  For the Copilot side `gate.admit` checks bearer, headers and host as
   the real one does.
3. `directives` reads what the last user message asks for: `[[sim:NAME key=value]]`.
4. `model_response` decides on the content; `wording` puts it in the true wire shape of the model's vendor.
5. `transport.Delivery` writes the bytes on the socket, with the faults that were asked for, and notices a
   client who leaves.

What a response is made of (`prompt.Prompt`) has chat's names on every surface; `responses` and `messages`
read their own requests into it, refuse by their `_rules`, and word the response in `wording`.  `live` puts
responses on a WebSocket (`sockets`); `mcp` is a server of its own.

To add a surface of the Copilot API: one module with a `ROUTES` table, and its line in `server.SURFACES`.
"""
