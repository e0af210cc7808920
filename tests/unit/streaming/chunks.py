"""Chunks as upstream sends them."""


def frame(chunk: bytes, extension: bytes = b"", upper: bool = False, zeros: int = 0) -> bytes:
    size = b"%X" % len(chunk) if upper else b"%x" % len(chunk)
    return b"0" * zeros + size + extension + b"\r\n" + chunk + b"\r\n"


END = b"0\r\n\r\n"
