"""Logins and keys as the operator changes them, and a check of what models take."""
