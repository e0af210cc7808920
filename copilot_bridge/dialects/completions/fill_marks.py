"""The marks of prompts that ask a code model to fill in the middle of a text.

Editors write such prompts for open models.  Copilot's completion models take the two texts apart instead, and
do not know the marks.  Sources: the model cards of StarCoder, Qwen Coder, Code Llama, DeepSeek Coder, GLM,
CodeGemma and Codestral.
"""

from msgspec import Struct

# A model may say that its text ends with one of these, too.
ENDS = ("<|endoftext|>", "<|file_separator|>", "<EOT>")


class FillMarks(Struct, frozen=True):
    """The marks of a family of models.  `middle`: "" if the text to continue simply ends the prompt."""

    prefix: str
    suffix: str
    middle: str

    @property
    def stops(self) -> tuple[str, ...]:
        """The marks, which can't be part of the text that is filled in."""
        marks = (mark.strip() for mark in (self.prefix, self.suffix, self.middle))
        return (*filter(None, marks), *ENDS)


FILL_MARKS = (
    FillMarks("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    FillMarks("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    FillMarks("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    FillMarks("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001
    FillMarks("<PRE> ", " <SUF>", " <MID>"),
    FillMarks("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
    FillMarks("[PREFIX]", "[SUFFIX]", ""),
)


class FillPrompt(Struct, frozen=True):
    """A prompt without its marks.  `stops`: what ends the text that is filled in."""

    prefix: str
    suffix: str
    stops: tuple[str, ...]


def read_fill_prompt(prompt: str) -> FillPrompt | None:
    """Split a prompt at its marks.

    Text before the first mark, such as other files, counts as the beginning of the prefix.

    :returns: None if the prompt has no marks, or has them in an order that no model knows.
    """
    found = (read_marked(prompt, marks) for marks in FILL_MARKS if marks.suffix.strip() in prompt)
    return next(filter(None, found), None)


def read_marked(prompt: str, marks: FillMarks) -> FillPrompt | None:
    """Split a prompt at the marks of one family, of which either the prefix or the suffix comes first.

    Without a middle mark only the suffix can come first, as the prompt ends where the text continues.
    """
    middle = marks.middle.rstrip()
    if middle and not prompt.rstrip().endswith(middle):
        return None
    start = prompt.rstrip().removesuffix(middle) if middle else prompt
    if middle and (texts := split_at(start, marks.prefix, marks.suffix)):
        before, prefix, suffix = texts
    elif texts := split_at(start, marks.suffix, marks.prefix):
        before, suffix, prefix = texts
    else:
        return None
    return FillPrompt(before + prefix, suffix, marks.stops)


def split_at(text: str, first: str, second: str) -> tuple[str, str, str] | None:
    """Return the text before, between and after two marks, or None if they are not there in this order."""
    before, found_first, remainder = text.partition(first)
    between, found_second, after = remainder.partition(second)
    return (before, between, after) if found_first and found_second else None
