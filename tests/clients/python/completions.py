"""Uses litellm's text completions as programs do, with one model, and prints what came of it as JSON.

Run in an environment of its own: `python completions.py URL MODEL MARK`.
"""

import json
import sys
from typing import Any

import litellm

url, model, mark = sys.argv[1:]
litellm.suppress_debug_info = True  # it prints a line for each error


def complete(prompt: str, *, model: str = model, **more: Any) -> Any:
    return litellm.text_completion(
        model=f"text-completion-openai/{model}",
        prompt=prompt,
        api_base=f"{url}/v1",
        api_key="any",
        num_retries=0,
        **more,
    )


def failed() -> int:
    try:
        complete("Hello", model="nothing")
    except litellm.NotFoundError as error:
        return int(error.status_code)
    return 200


whole = complete(f"Hello {mark}", max_tokens=50)
chunks = [*complete(f"Bye {mark}", stream=True)]
found = {
    "whole": [whole.choices[0].text, whole.choices[0].finish_reason, whole.usage.completion_tokens > 0],
    "streamed": "".join(chunk.choices[0].text or "" for chunk in chunks),
    "ended": chunks[-1].choices[0].finish_reason,
    "filled": complete(f"def {mark}(", suffix="): pass").choices[0].text,
    "error": failed(),
}
print(json.dumps(found))
