"""Who may ask, from where, and how often.  Nothing here knows HTTP or a dialect."""
