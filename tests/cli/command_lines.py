"""Functions that run a command and read the JSON that it prints."""

import json


def debug(run, *arguments, **environ):
    return json.loads(run("debug", "--json", *arguments, **environ).out)
