"""What outlives the process: the login and the Copilot tokens, in the data directory."""
