"""The operator's changes to logins, keys and budgets, and a check of what models accept."""
