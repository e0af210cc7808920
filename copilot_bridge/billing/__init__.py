"""What Copilot costs: the prices of models, and the cost of an answer."""
