"""What the bridge costs: `python -m bench` measures it beside nginx and a bare connection.

    load (core 1) -> direct | nginx (core 0) | bridge (core 0) -> upstream (core 1)

`upstream` plays Copilot, `load` plays the clients, `processes` starts, pins, weighs and stops what is
measured, `scenarios` says what is asked of it, `report` prints it.  Loopback only; Linux only.
"""
