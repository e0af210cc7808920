"""The same with an upstream that is reached over TLS, as the real one is."""

from dataclasses import replace

from bench.arena import Arena
from bench.report import Row
from bench.scenarios.crowds import paced
from bench.scenarios.single import small
from bench.scenarios.streams import flood


def tls(arena: Arena) -> list[Row]:
    """Nothing where no certificate can be made."""
    certificate = arena.yard.certificate()
    if certificate is None:
        return []
    with arena.yard.upstream(certificate) as upstream:
        secure = replace(arena, upstream=upstream)
        return [*small(secure), *flood(secure), *paced(secure)]
