"""What commands print as JSON."""

import json


def debug(run, *arguments, **environ):
    return json.loads(run("debug", "--json", *arguments, **environ).out)
