"""Which API of Copilot's a request goes through: the client's own if the model has it, else the nearest."""

PREFERENCE = {
    "messages": ("messages", "responses", "chat"),
    "chat": ("chat", "responses", "messages"),
    "responses": ("responses", "messages", "chat"),
}


def pick(client: str, offered: tuple[str, ...]) -> str | None:
    """None: the model is offered through no API that can be reached from here."""
    return next((each for each in PREFERENCE[client] if each in offered), None)
