"""What the bridge costs: `python -m bench` measures it beside nginx and a bare connection.

    load (core 1) -> direct | nginx (core 0) | bridge (core 0) -> upstream (core 1)

`upstream` plays Copilot and says what `scripts` has rendered; `load` plays the clients, who ask and read as
`surfaces` says; `processes` starts, pins, weighs and stops what is measured; `arena` brings them
together; `scenarios` says what is asked of each; `report` prints it.  Loopback only; Linux only.
"""
