"""The same with an upstream that is reached over TLS, as the real one is."""

from dataclasses import replace

from bench.arena import SIZE, Arena, Sheet, directive
from bench.load import Load
from bench.report import Row
from bench.scenarios.crowds import paced
from bench.scenarios.single import small
from bench.scenarios.streams import flood
from bench.surfaces import chat, check_stream

CLIENTS, STAGGER = 50, 0.03  # seconds
GAP = 2.0  # s: the first stream ends after the last one has begun, so each needs a connection of its own


def tls(arena: Arena) -> list[Row]:
    """Nothing where no certificate can be made."""
    certificate = arena.group.certificate()
    if certificate is None:
        return []
    with arena.group.upstream(certificate) as upstream:
        secure = replace(arena, upstream=upstream)
        return [*handshakes(secure), *small(secure), *flood(secure), *paced(secure)]


def handshakes(arena: Arena) -> list[Row]:
    """What a new connection to upstream costs: the same clients twice, the second time the pool has them."""
    sheet = Sheet(arena.label("50 clients, a connection to upstream for each"))
    request = chat(directive(2, SIZE, gap=GAP), stream=True)
    for _ in range(arena.scale.repetitions):
        with arena.targets() as targets:
            for target in targets:
                for connection in ("new", "kept"):
                    before = target.cpu()
                    responses = Load(target.address, request, lines=CLIENTS, stagger=STAGGER).run()
                    spent = (target.cpu() - before) / CLIENTS / 1e6
                    sheet.note(target, f"CPU ms / stream on a {connection} connection", spent)
                    for response in responses:
                        check_stream(response, 2, SIZE, stamped=True)
    return sheet.rows()
