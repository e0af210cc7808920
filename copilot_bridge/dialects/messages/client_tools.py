"""Tools that Claude knows by a dated type, and that the client runs, for models that do not know them.

Source: Anthropic's documentation of the bash, text editor, memory and computer use tools, and the types of
its SDK (2026).
"""

from collections.abc import Callable, Iterable

from copilot_bridge.dialects.codec import JsonObject

TEXT, WHOLE, NUMBER, YES = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
POINT = {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 2}

BASH = "Runs a command in a bash session that lasts: what one command sets or changes, the next one finds."
EDITOR = (
    "Views, creates and edits text files. `view` shows a file with numbered lines, or lists a folder; "
    "`create` writes a new file; `str_replace` replaces a text that stands in the file exactly once; "
    "`insert` puts a text behind a line."
)
UNDO = " `undo_edit` takes the last edit of a file back."
MEMORY = (
    "Keeps notes for later conversations, in files below /memories. Look there before a task, and write down "
    "what is worth knowing. `view` shows a file or lists a folder; `create` writes a file; `str_replace` "
    "replaces a text in it; `insert` puts a text behind a line; `delete` and `rename` do so with a file or "
    "folder."
)
COMPUTER = (
    "Uses the mouse and keyboard of a computer, and takes screenshots of its display. The display is {width} "
    "by {height} pixels; coordinates are [x, y] from its upper left corner. Look at a screenshot before you "
    "click, and after an action to see what came of it."
)

CLICKS = ("left_click", "right_click", "middle_click", "double_click")
BASICS = ("key", "type", "mouse_move", "left_click_drag", "screenshot", "cursor_position", *CLICKS)
MORE = ("left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click")
ZOOM = ("zoom",)


def about(text: str, schema: JsonObject) -> JsonObject:
    return schema | {"description": text}


def one_of(words: Iterable[str]) -> JsonObject:
    return {"type": "string", "enum": [*words]}


def arguments(required: Iterable[str], **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*required]}


def bash(_tool: JsonObject) -> tuple[str, JsonObject]:
    return BASH, arguments(
        (),
        command=about("The command. Not needed with `restart`.", TEXT),
        restart=about("Whether the session begins anew.", YES),
    )


def editor(insert: str, *more: str) -> Callable[[JsonObject], tuple[str, JsonObject]]:
    """:param insert: what the text to be inserted is called.  :param more: commands of this version."""

    def describe(_tool: JsonObject) -> tuple[str, JsonObject]:
        commands = one_of(("view", "create", "str_replace", "insert", *more))
        told = edits("Absolute path of a file or folder.", insert)
        return EDITOR + (UNDO if more else ""), arguments(("command", "path"), command=commands, **told)

    return describe


def edits(path: str, insert: str) -> dict[str, JsonObject]:
    new = "What `str_replace` puts in its place."
    told = {
        "path": about(path, TEXT),
        "view_range": about(
            "For `view` of a file: [first line, last line], from 1; -1 is the end.",
            {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 2},
        ),
        "file_text": about("For `create`: the content of the file.", TEXT),
        "old_str": about("For `str_replace`: the text to be replaced.", TEXT),
        "new_str": about(new if insert != "new_str" else f"{new} For `insert`: the text.", TEXT),
        "insert_line": about("For `insert`: the line behind which the text goes; 0 is the beginning.", WHOLE),
    }
    return told | ({} if insert == "new_str" else {insert: about("For `insert`: the text.", TEXT)})


def memory(_tool: JsonObject) -> tuple[str, JsonObject]:
    commands = ("view", "create", "str_replace", "insert", "delete", "rename")
    return MEMORY, arguments(
        ("command",),
        command=one_of(commands),
        **edits("Path of a file or folder below /memories; for all commands but `rename`.", "insert_text"),
        old_path=about("For `rename`: the path that it has.", TEXT),
        new_path=about("For `rename`: the path that it gets.", TEXT),
    )


def computer(*actions: str) -> Callable[[JsonObject], tuple[str, JsonObject]]:
    def describe(tool: JsonObject) -> tuple[str, JsonObject]:
        size = {"width": tool.get("display_width_px"), "height": tool.get("display_height_px")}
        offered = [each for each in actions if each not in ZOOM or tool.get("enable_zoom")]
        told = {name: schema for name, (schema, of) in POINTING.items() if {*of} & {*offered}}
        return COMPUTER.format(**size), arguments(("action",), action=one_of(offered), **told)

    return describe


# What an action of the computer takes besides: its schema, and the actions that do.
POINTING: dict[str, tuple[JsonObject, tuple[str, ...]]] = {
    "coordinate": (
        about("For clicks, `mouse_move`, `scroll`, and where `left_click_drag` ends.", POINT),
        BASICS,
    ),
    "start_coordinate": (about("For `left_click_drag`: where it begins.", POINT), ("left_click_drag",)),
    "text": (
        about(
            "For `type`: the text. For `key` and `hold_key`: the keys, like ctrl+s. For clicks and `scroll`: "
            "keys that are held down.",
            TEXT,
        ),
        ("type", "key"),
    ),
    "scroll_direction": (about("For `scroll`.", one_of(("up", "down", "left", "right"))), ("scroll",)),
    "scroll_amount": (about("For `scroll`: the number of clicks of the wheel.", WHOLE), ("scroll",)),
    "duration": (about("For `hold_key` and `wait`: seconds.", NUMBER), ("wait",)),
    "region": (
        about("For `zoom`: [x1, y1, x2, y2], the part of the display to be seen closely.", {
            "type": "array", "items": WHOLE, "minItems": 4, "maxItems": 4,
        }),
        ZOOM,
    ),
}  # fmt: skip

# A type -> (what the tool is for, the schema of its arguments).
CLIENT_TOOLS: dict[str, Callable[[JsonObject], tuple[str, JsonObject]]] = {
    "bash_20241022": bash,
    "bash_20250124": bash,
    "text_editor_20241022": editor("new_str", "undo_edit"),
    "text_editor_20250124": editor("new_str", "undo_edit"),
    "text_editor_20250429": editor("insert_text"),
    "text_editor_20250728": editor("insert_text"),
    "memory_20250818": memory,
    "computer_20241022": computer(*BASICS),
    "computer_20250124": computer(*BASICS, *MORE),
    "computer_20251124": computer(*BASICS, *MORE, *ZOOM),
}
