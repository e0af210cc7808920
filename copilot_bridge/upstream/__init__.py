"""Everything that talks to GitHub or to Copilot.

`client` sends one HTTP request.  `tokens` turns a GitHub login into a Copilot token.  `copilot` is
Copilot's API for one account: the right host, a fresh token, one retry where that is safe.
"""
