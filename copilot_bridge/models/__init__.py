"""The models: which there are, the names that clients give them, and what each can do.  No I/O here."""
