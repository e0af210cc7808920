"""The counting of a prompt's tokens by the bridge itself."""

import threading

from copilot_bridge import counting
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.models.profiles import TokenOverheads
from copilot_bridge.pipeline.prepared import PreparedRequest
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.threads import run_in_thread

# Held while the tokenizer is loaded.  It is a lock of greenlets: no thread may wait for it.
LOADING = threading.Lock()


def count_tokens(received: ReceivedRequest, prepared: PreparedRequest) -> int:
    """Count the tokens of a request, in a thread, since megabytes take a while.

    :raises InvalidRequest, Unsupported: the request can't be read in neutral form.
    """
    prompt = prepared.prompt or received.client.read_prompt()
    with LOADING:
        if not counting.is_loaded():
            run_in_thread(counting.load)
    return run_in_thread(counted, prompt, prepared.model.profile.tokens)


def counted(prompt: Prompt, overheads: TokenOverheads) -> int:
    """Count in a thread: a traceback a thousand calls deep would never get out of gevent's threads.

    :raises InvalidRequest: a schema is nested too deeply.
    """
    try:
        return counting.count(prompt, overheads)
    except RecursionError:
        raise InvalidRequest("tools: a schema is nested too deeply", param="tools") from None
