"""Tools that clients leave to the server: offered to any model as functions, which the bridge runs.

`functions` says how a model is offered them, `step` takes the calls out of what a model says, `texts` writes
results for models, and `citations` finds the pages on which a response relies.
"""
