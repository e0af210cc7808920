"""OpenAI's legacy Completions, with which editors complete code."""
