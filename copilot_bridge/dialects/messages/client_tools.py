"""Anthropic's tools with a dated type that the client runs, described for models that do not know them.

Source: Anthropic's documentation of the bash, text editor, memory and computer use tools, and the types of
its SDK (2026).
"""

from collections.abc import Callable, Iterable

from copilot_bridge.dialects.codec import JsonObject

STRING, INTEGER, NUMBER, BOOLEAN = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
POINT = {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2}

BASH = "Runs a command in a bash session that lasts: what one command sets or changes, the next one finds."
EDITOR = (
    "Views, creates and edits text files. `view` shows a file with numbered lines, or lists a folder; "
    "`create` writes a new file; `str_replace` replaces a text that stands in the file exactly once; "
    "`insert` puts a text behind a line."
)
UNDO_EDIT = " `undo_edit` takes the last edit of a file back."
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
ACTIONS_2024 = ("key", "type", "mouse_move", "left_click_drag", "screenshot", "cursor_position", *CLICKS)
ACTIONS_2025 = ("left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click")
ZOOM = ("zoom",)


def described(text: str, schema: JsonObject) -> JsonObject:
    return schema | {"description": text}


def one_of(words: Iterable[str]) -> JsonObject:
    return {"type": "string", "enum": [*words]}


def arguments(required: Iterable[str], **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*required]}


def bash(_tool: JsonObject) -> tuple[str, JsonObject]:
    return BASH, arguments(
        (),
        command=described("The command. Not needed with `restart`.", STRING),
        restart=described("Whether the session begins anew.", BOOLEAN),
    )


def editor(insert: str, *more: str) -> Callable[[JsonObject], tuple[str, JsonObject]]:
    """Describe a version of the text editor.

    :param insert: the name of the argument with the text to insert.
    :param more: further commands of this version.
    """

    def describe(_tool: JsonObject) -> tuple[str, JsonObject]:
        commands = one_of(("view", "create", "str_replace", "insert", *more))
        properties = edits("Absolute path of a file or folder.", insert)
        return EDITOR + (UNDO_EDIT if more else ""), arguments(
            ("command", "path"), command=commands, **properties
        )

    return describe


def edits(path: str, insert: str) -> dict[str, JsonObject]:
    new = "What `str_replace` puts in its place."
    properties = {
        "path": described(path, STRING),
        "view_range": described(
            "For `view` of a file: [first line, last line], from 1; -1 is the end.",
            {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2},
        ),
        "file_text": described("For `create`: the content of the file.", STRING),
        "old_str": described("For `str_replace`: the text to be replaced.", STRING),
        "new_str": described(new if insert != "new_str" else f"{new} For `insert`: the text.", STRING),
        "insert_line": described(
            "For `insert`: the line behind which the text goes; 0 is the beginning.", INTEGER
        ),
    }
    return properties | (
        {} if insert == "new_str" else {insert: described("For `insert`: the text.", STRING)}
    )


def memory(_tool: JsonObject) -> tuple[str, JsonObject]:
    commands = ("view", "create", "str_replace", "insert", "delete", "rename")
    return MEMORY, arguments(
        ("command",),
        command=one_of(commands),
        **edits("Path of a file or folder below /memories; for all commands but `rename`.", "insert_text"),
        old_path=described("For `rename`: the path that it has.", STRING),
        new_path=described("For `rename`: the path that it gets.", STRING),
    )


def computer(*actions: str) -> Callable[[JsonObject], tuple[str, JsonObject]]:
    def describe(tool: JsonObject) -> tuple[str, JsonObject]:
        size = {"width": tool.get("display_width_px"), "height": tool.get("display_height_px")}
        offered = [action for action in actions if action not in ZOOM or tool.get("enable_zoom")]
        properties = {name: schema for name, (schema, of) in ACTION_ARGUMENTS.items() if {*of} & {*offered}}
        return COMPUTER.format(**size), arguments(("action",), action=one_of(offered), **properties)

    return describe


# Arguments of the computer's actions: the schema, and the actions that take it.
ACTION_ARGUMENTS: dict[str, tuple[JsonObject, tuple[str, ...]]] = {
    "coordinate": (
        described("For clicks, `mouse_move`, `scroll`, and where `left_click_drag` ends.", POINT),
        ACTIONS_2024,
    ),
    "start_coordinate": (described("For `left_click_drag`: where it begins.", POINT), ("left_click_drag",)),
    "text": (
        described(
            "For `type`: the text. For `key` and `hold_key`: the keys, like ctrl+s. For clicks and `scroll`: "
            "keys that are held down.",
            STRING,
        ),
        ("type", "key"),
    ),
    "scroll_direction": (described("For `scroll`.", one_of(("up", "down", "left", "right"))), ("scroll",)),
    "scroll_amount": (described("For `scroll`: the number of clicks of the wheel.", INTEGER), ("scroll",)),
    "duration": (described("For `hold_key` and `wait`: seconds.", NUMBER), ("wait",)),
    "region": (
        described("For `zoom`: [x1, y1, x2, y2], the part of the display to be seen closely.", {
            "type": "array", "items": INTEGER, "minItems": 4, "maxItems": 4,
        }),
        ZOOM,
    ),
}  # fmt: skip

# A tool's type -> a function that returns its description and the schema of its arguments.
CLIENT_TOOLS: dict[str, Callable[[JsonObject], tuple[str, JsonObject]]] = {
    "bash_20241022": bash,
    "bash_20250124": bash,
    "text_editor_20241022": editor("new_str", "undo_edit"),
    "text_editor_20250124": editor("new_str", "undo_edit"),
    "text_editor_20250429": editor("insert_text"),
    "text_editor_20250728": editor("insert_text"),
    "memory_20250818": memory,
    "computer_20241022": computer(*ACTIONS_2024),
    "computer_20250124": computer(*ACTIONS_2024, *ACTIONS_2025),
    "computer_20251124": computer(*ACTIONS_2024, *ACTIONS_2025, *ZOOM),
}
