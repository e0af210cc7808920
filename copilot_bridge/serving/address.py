"""How a bridge that listens somewhere is called from the same machine."""


def base_url(host: str, port: int) -> str:
    """Without a path.  An address that stands for all of them can't be called."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
