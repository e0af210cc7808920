"""What a body must look like for Copilot to take it: a module for each dialect, a row for each quirk."""
