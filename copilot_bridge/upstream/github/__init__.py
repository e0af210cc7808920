"""GitHub's own API: the device login, Copilot tokens, and the account's plan and quotas."""
