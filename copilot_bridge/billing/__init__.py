"""The prices of models, the cost of responses, and the usage of the plan."""
