"""Tools of agents, and what these give back: text as it is met in practice, the same in each run.

One repeated word would compress to nothing.  So the tools read this project's own source, and the log of a
server that was never there.
"""

import random
from functools import cache
from typing import Any

from bench.processes import HERE

Json = dict[str, Any]
WORDS = (
    ("GET", "POST", "PUT"),
    ("/login", "/orders", "/orders/items", "/static/app.js", "/health"),
    (200, 304, 404),
)
DIRECTIVE = "[[sim:"  # the simulator would act on it


@cache
def sources(suffix: str) -> list[str]:
    """The texts of this project's files, the longest left out."""
    paths = sorted([*(HERE / "copilot_bridge").rglob(f"*{suffix}"), *(HERE / "docs").glob(f"*{suffix}")])
    texts = [path.read_text() for path in paths if path.stat().st_size < 60_000]
    return [text for text in texts if DIRECTIVE not in text]


def tool_output(number: int, size: int) -> str:
    """Return what a tool gives out: source code, or a log for every fourth number."""
    random_ = random.Random(number)
    if number % 4 == 3:
        return server_log(random_, size)
    text = ""
    while len(text) < size:
        text += random_.choice(sources(".py"))
    return text[:size]


def server_log(random_: random.Random, size: int) -> str:
    lines, at = "", 1_790_000_000.0
    while len(lines) < size:
        at += random_.expovariate(3)
        method, path, status = (random_.choice(words) for words in WORDS)
        took, address = random_.lognormvariate(3, 1), random_.randrange(1, 255)
        lines += (
            f'{at:.3f} 10.0.3.{address} "{method} {path}" {status} {random_.randrange(90_000)} {took:.1f}ms\n'
        )
    return lines[:size]


def tools(size: int) -> list[Json]:
    """Descriptions of tools of so many bytes in all, with sentences of this project's documents."""
    random_ = random.Random(size)
    sentences = [line for text in sources(".md") for line in text.splitlines() if 60 < len(line) < 400]
    words = sorted({word for line in sentences for word in line.lower().split() if word.isalpha()})
    found: list[Json] = []
    while size > 0:
        names = random_.sample(words, 4)
        properties = {
            name: {
                "type": random_.choice(["string", "integer"]),
                "description": random_.choice(sentences)[:160],
            }
            for name in names
        }
        about = " ".join(random_.sample(sentences, 3))
        schema = {
            "type": "object",
            "properties": properties,
            "required": names[:2],
            "additionalProperties": False,
        }
        found.append({"name": "_".join(random_.sample(words, 2)), "description": about, "parameters": schema})
        size -= len(about) + 200 * len(names) + 150
    return found
