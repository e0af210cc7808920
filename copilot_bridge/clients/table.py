"""A row for each client.  What stands here was tried with the real ones: docs/clients has a page for each."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot_bridge.clients.edit import IfMissing


@dataclass(frozen=True)
class Named:
    """A model, as far as clients have to be told of it.  Limits are in tokens, None where nobody knows.

    :param context: question and answer together.  :param prompt: the question alone.
    """

    id: str
    title: str = ""
    context: int | None = None
    prompt: int | None = None
    output: int | None = None

    @property
    def family(self) -> str:
        """The API that carries most of what it can do: messages, responses or chat."""
        if self.id.startswith("claude"):
            return "messages"
        return "responses" if self.id.startswith("gpt-5") or "codex" in self.id else "chat"


# Where nobody could be asked.
KNOWN = {
    each.id: each
    for each in (
        Named("claude-sonnet-4.6", "Claude Sonnet 4.6", 200_000, 168_000, 32_000),
        Named("claude-haiku-4.5", "Claude Haiku 4.5"),
        Named("gpt-5.3-codex", "GPT-5.3-Codex", 400_000, 272_000, 128_000),
        Named("gpt-4.1", "GPT-4.1", 128_000, None, 16_384),
    )
}


@dataclass(frozen=True)
class Wish:
    """What the settings are to say.

    :param root: the bridge's address, without a path.  :param key: any text will do if not `keyed`.
    """

    root: str
    key: str
    keyed: bool
    model: Named
    small: Named

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"


Values = Mapping[str, Any]

Step = tuple[str, Mapping[str, str]]
"""A sentence, and what stands for the names in it: so it can be said in other languages."""


@dataclass(frozen=True)
class Place:
    """Where a client has its settings.

    :param usual: system -> folder, "" for all others; `~` and `%NAME%` are filled in.
    :param named: (variable, folder below the one that it names); the first that is set counts.
    :param names: of the file; the first that is there, or the first.
    """

    usual: Mapping[str, str]
    names: tuple[str, ...]
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Own:
    """A settings file of a client's own, and what has to stand in it.

    :param write: None where nothing has to.
    """

    place: Place
    format: str  # json, toml or yaml
    write: Callable[[Wish], Values | list[Values] | None]


@dataclass(frozen=True)
class Client:
    """:param dialect: the API that it speaks.  :param v1: whether its base URL ends with /v1.
    :param models: the first of the plan's that begins like this is proposed; without a plan the very first.
    :param small: the same for small jobs; none: it has no such setting.
    :param files: its settings.  :param variables: all that it needs, where the environment is enough.
    :param beside: variables that are needed besides its files.  :param once: a command that sets it up.
    :param values: what is to be filled in where there is no file: (field, value).
    :param steps: what a person has to do besides, in order.  :param check: shows that it works.
    """

    title: str
    about: str
    dialect: str
    v1: bool
    models: tuple[str, ...]
    page: str
    check: Callable[[Wish], str]
    small: tuple[str, ...] = ()
    files: tuple[Own, ...] = ()
    variables: Callable[[Wish], Mapping[str, str]] = field(default=lambda _wish: {})
    beside: Callable[[Wish], Mapping[str, str]] = field(default=lambda _wish: {})
    once: Callable[[Wish], str] = field(default=lambda _wish: "")
    values: Callable[[Wish], tuple[tuple[str, str], ...]] = field(default=lambda _wish: ())
    steps: Callable[[Wish], tuple[Step, ...]] = field(default=lambda _wish: ())

    @property
    def writable(self) -> bool:
        return bool(self.files)


CLAUDE = ("claude-sonnet-4.6", "claude-sonnet", "claude-opus", "claude", "gpt")
HAIKU = ("claude-haiku-4.5", "claude-haiku", "gpt-5-mini", "gpt-4o-mini", "claude", "gpt")
CODEX = ("gpt-5.3-codex", "gpt-5", "gpt", "claude")
ORDINARY = ("gpt-4.1", "gpt-5-mini", "gpt-4o", "gpt", "claude")


def given(**values: Any) -> dict[str, Any]:
    """Without those that nobody knows."""
    return {name: value for name, value in values.items() if value is not None}


# --- Claude Code


def claude_variables(wish: Wish) -> dict[str, str]:
    window = wish.model.prompt or wish.model.context
    # For a name that it does not know it assumes a million.
    limit = (
        {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(window)} if window and wish.model.family != "messages" else {}
    )
    return limit | {
        "ANTHROPIC_BASE_URL": wish.root,
        "ANTHROPIC_AUTH_TOKEN": wish.key,
        "ANTHROPIC_MODEL": wish.model.id,
        "ANTHROPIC_SMALL_FAST_MODEL": wish.small.id,  # versions up to 2.0
        # Left to itself it asks for Anthropic's newest, which the plan may not have.
        "ANTHROPIC_DEFAULT_OPUS_MODEL": wish.model.id,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": wish.model.id,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": wish.small.id,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def claude_settings(wish: Wish) -> Values:
    """Web search runs at Anthropic, and Copilot has no such thing."""
    return {"env": claude_variables(wish), "permissions": {"deny": ["WebSearch"]}}


# --- Codex


def codex_settings(wish: Wish) -> Values:
    """Not called openai, which compacts in a way of its own; no key in it that could be read."""
    provider = {
        "name": "bridge",
        "base_url": wish.v1,
        "env_key": "BRIDGE_KEY" if wish.keyed else None,
        "wire_api": "responses",
    }
    return {
        "model": wish.model.id,
        "model_provider": "bridge",
        "model_context_window": wish.model.prompt or wish.model.context,
        "model_providers": {"bridge": provider},
    }


# --- opencode

# The API that carries most -> (provider, package, title).
OPENCODE = {
    "chat": ("bridge", "@ai-sdk/openai-compatible", "Copilot Bridge"),
    "messages": ("bridge-claude", "@ai-sdk/anthropic", "Copilot Bridge, Messages"),
    "responses": ("bridge-codex", "@ai-sdk/openai", "Copilot Bridge, Responses"),
}


def opencode_settings(wish: Wish) -> Values:
    providers: dict[str, Any] = {}
    for model in (wish.model, wish.small):
        name, package, title = OPENCODE[model.family]
        usual = {"npm": package, "name": title, "options": {"baseURL": wish.v1, "apiKey": wish.key}}
        providers.setdefault(name, {**usual, "models": {}})["models"][model.id] = opencode_model(model)
    return {
        "$schema": IfMissing("https://opencode.ai/config.json"),
        "model": opencode_name(wish.model),
        "small_model": opencode_name(wish.small),
        "provider": providers,
    }


def opencode_model(model: Named) -> dict[str, Any]:
    """Without limits it does not know when to compact; it takes both or none."""
    thinks = {} if model.family == "chat" else {"reasoning": True}
    limit = {"context": model.context, "output": model.output}
    return {**thinks, **({"limit": limit} if all(limit.values()) else {})}


def opencode_name(model: Named) -> str:
    return f"{OPENCODE[model.family][0]}/{model.id}"


# --- aider, Continue, Zed, llm


def aider_settings(wish: Wish) -> Values:
    """`openai/` is the protocol; the edit format of names that it does not know would be `whole`."""
    return {
        "openai-api-base": wish.v1,
        "openai-api-key": wish.key,
        "model": f"openai/{wish.model.id}",
        "weak-model": f"openai/{wish.small.id}",
        "edit-format": IfMissing("diff"),
        "show-model-warnings": IfMissing(False),
    }


def continue_settings(wish: Wish) -> Values:
    limits = given(contextLength=wish.model.prompt, maxTokens=wish.model.output)
    model = {
        "name": f"{wish.model.title or wish.model.id} (bridge)",
        "provider": "openai",
        "model": wish.model.id,
        "apiBase": wish.v1,
        "apiKey": wish.key,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use", "image_input"],
        **({"defaultCompletionOptions": limits} if limits else {}),
    }
    return {
        "name": IfMissing("Copilot Bridge"),
        "version": IfMissing("1.0.0"),
        "schema": IfMissing("v1"),
        "models": [model],
    }


# (kind, provider, its variable) by the API that carries most.  The variable is made of the provider's name.
ZED = {
    "messages": ("anthropic_compatible", "bridge-claude", "BRIDGE_CLAUDE_API_KEY"),
    "responses": ("openai_compatible", "bridge", "BRIDGE_API_KEY"),
    "chat": ("openai_compatible", "bridge", "BRIDGE_API_KEY"),
}
ZED_CAN = {
    "messages": {"tools": True, "images": True, "prompt_caching": True},
    "responses": {"tools": True, "images": True, "parallel_tool_calls": True, "chat_completions": False},
    "chat": {"tools": True, "images": True, "parallel_tool_calls": True},
}


def zed_settings(wish: Wish) -> Values:
    family = wish.model.family
    kind, name, _ = ZED[family]
    model = {
        "name": wish.model.id,
        "display_name": wish.model.title or wish.model.id,
        # Its word for the context, which it will not do without.
        "max_tokens": wish.model.prompt or wish.model.context or 128_000,
        **given(max_output_tokens=wish.model.output),
        "capabilities": ZED_CAN[family],
    }
    api_url = wish.root if family == "messages" else wish.v1
    return {
        "language_models": {kind: {name: {"api_url": api_url, "available_models": [model]}}},
        "agent": {"default_model": {"provider": name, "model": wish.model.id}},
    }


def zed_steps(wish: Wish) -> tuple[Step, ...]:
    sentence = (
        "Zed keeps keys in the system's keychain: enter '%(key)s' beside '%(name)s' in Settings, AI, "
        "LLM Providers, or start Zed with the variable."
    )
    return ((sentence, {"key": wish.key, "name": ZED[wish.model.family][1]}),)


def llm_settings(wish: Wish) -> list[Values]:
    return [
        {
            "model_id": f"bridge/{wish.model.id}",
            "model_name": wish.model.id,
            "api_base": wish.v1,
            "api_key_name": "bridge" if wish.keyed else None,
            **({} if wish.model.family != "responses" else {"reasoning": True}),
            "supports_tools": True,
            "supports_schema": True,
            "vision": True,
        }
    ]


def llm_keys(wish: Wish) -> Values | None:
    return {"bridge": wish.key} if wish.keyed else None


LLM_FOLDER = "io.datasette.llm"
LLM_USUAL = {
    "": f"~/.config/{LLM_FOLDER}",
    "macos": f"~/Library/Application Support/{LLM_FOLDER}",
    "windows": f"%APPDATA%/{LLM_FOLDER}",
}


def llm_place(*names: str) -> Place:
    return Place(LLM_USUAL, names, (("LLM_USER_PATH", ""), ("XDG_CONFIG_HOME", LLM_FOLDER)))


# --- the rest


def openai_variables(wish: Wish) -> dict[str, str]:
    return {"OPENAI_BASE_URL": wish.v1, "OPENAI_API_KEY": wish.key}


def anthropic_variables(wish: Wish) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": wish.root, "ANTHROPIC_AUTH_TOKEN": wish.key}


def aider_variables(wish: Wish) -> dict[str, str]:
    named = {"AIDER_MODEL": f"openai/{wish.model.id}", "AIDER_WEAK_MODEL": f"openai/{wish.small.id}"}
    return {"OPENAI_API_BASE": wish.v1, "OPENAI_API_KEY": wish.key, **named, "AIDER_EDIT_FORMAT": "diff"}


def form(wish: Wish) -> tuple[tuple[str, str], ...]:
    return ("Base URL", wish.v1), ("API key", wish.key), ("Model", wish.model.id)


def cherry_steps(wish: Wish) -> tuple[Step, ...]:
    return (
        ("Cherry Studio keeps its settings in the program; there is no file to edit.", {}),
        ('Open the settings, there the model providers, and press "+" (version 1: Add, type OpenAI).', {}),
        (
            'Name it "Copilot Bridge", and fill in the values (base URL in version 1: %(root)s).',
            {"root": wish.root},
        ),
        ("Add the models that Sync models (version 1: Manage) lists, and switch the provider on.", {}),
    )


def cline_steps(_wish: Wish) -> tuple[Step, ...]:
    return (
        ("Cline keeps its settings itself; there is no file to edit.", {}),
        ("In the editor's extension: open the settings of the panel, and fill in the values.", {}),
        ("On the command line: run the command.", {}),
    )


def cline_command(wish: Wish) -> str:
    return f"cline auth openai --apikey {shlex.quote(wish.key)} --baseurl {wish.v1} --modelid {wish.model.id}"


def python(module: str, name: str, ask: str) -> Callable[[Wish], str]:
    """A line that reads the variables; the model's id has neither quotes nor blanks in it."""
    return lambda wish: f'python -c "from {module} import {name}; print({ask.format(wish.model.id)})"'


CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        title="Claude Code",
        about="Anthropic's agent",
        dialect="messages",
        v1=False,
        models=CLAUDE,
        small=HAIKU,
        page="docs/clients/claude-code.md",
        files=(
            Own(
                Place({"": "~/.claude"}, ("settings.json",), (("CLAUDE_CONFIG_DIR", ""),)),
                "json",
                claude_settings,
            ),
        ),
        variables=claude_variables,
        check=lambda _wish: 'claude -p "Say hello"',
    ),
    "codex": Client(
        title="Codex",
        about="OpenAI's agent",
        dialect="responses",
        v1=True,
        models=CODEX,
        page="docs/clients/codex.md",
        files=(
            Own(Place({"": "~/.codex"}, ("config.toml",), (("CODEX_HOME", ""),)), "toml", codex_settings),
        ),
        beside=lambda wish: {"BRIDGE_KEY": wish.key} if wish.keyed else {},
        check=lambda _wish: 'codex exec --skip-git-repo-check "Say hello"',
    ),
    "opencode": Client(
        title="opencode",
        about="an agent for the terminal, through any of the three APIs",
        dialect="chat",
        v1=True,
        models=ORDINARY,
        small=ORDINARY,
        page="docs/clients/opencode.md",
        files=(
            Own(
                Place(
                    {"": "~/.config/opencode"},
                    ("opencode.json", "opencode.jsonc"),
                    (("XDG_CONFIG_HOME", "opencode"),),
                ),
                "json",
                opencode_settings,
            ),
        ),
        check=lambda wish: f'opencode run -m {opencode_name(wish.model)} "Say hello"',
    ),
    "aider": Client(
        title="aider",
        about="pair programming in the terminal",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        small=ORDINARY,
        page="docs/clients/aider.md",
        files=(Own(Place({"": "~"}, (".aider.conf.yml",)), "yaml", aider_settings),),
        variables=aider_variables,
        check=lambda _wish: 'aider --no-git --yes-always --message "Say hello"',
    ),
    "continue": Client(
        title="Continue",
        about="an assistant for VS Code and JetBrains",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/continue.md",
        files=(
            Own(
                Place({"": "~/.continue"}, ("config.yaml",), (("CONTINUE_GLOBAL_DIR", ""),)),
                "yaml",
                continue_settings,
            ),
        ),
        check=lambda _wish: 'cn -p "Say hello"',
    ),
    "cline": Client(
        title="Cline",
        about="an agent for VS Code, JetBrains and the terminal",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/cline.md",
        once=cline_command,
        values=lambda wish: (("API provider", "OpenAI Compatible"), *form(wish)),
        steps=cline_steps,
        check=lambda _wish: 'cline "Say hello"',
    ),
    "cherry-studio": Client(
        title="Cherry Studio",
        about="a desktop program for chats",
        dialect="chat",
        v1=True,
        models=ORDINARY,
        page="docs/clients/cherry-studio.md",
        values=form,
        steps=cherry_steps,
        check=lambda wish: (
            f"curl {wish.v1}/models" + (f' -H "Authorization: Bearer {wish.key}"' if wish.keyed else "")
        ),
    ),
    "zed": Client(
        title="Zed",
        about="an editor with an agent in it",
        dialect="chat",
        v1=True,
        models=ORDINARY,
        page="docs/clients/zed.md",
        files=(
            Own(
                Place(
                    {"": "~/.config/zed", "windows": "%APPDATA%/Zed"},
                    ("settings.json",),
                    (("XDG_CONFIG_HOME", "zed"),),
                ),
                "json",
                zed_settings,
            ),
        ),
        beside=lambda wish: {ZED[wish.model.family][2]: wish.key},
        steps=zed_steps,
        check=lambda _wish: "zed .",
    ),
    "llm": Client(
        title="llm",
        about="Simon Willison's command line tool",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/llm.md",
        files=(
            Own(llm_place("extra-openai-models.yaml"), "yaml", llm_settings),
            Own(llm_place("keys.json"), "json", llm_keys),
        ),
        check=lambda wish: f'llm -m bridge/{wish.model.id} "Say hello"',
    ),
    "openai-sdk": Client(
        title="OpenAI's SDKs",
        about="Python and JavaScript, and what is built on them",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/openai-sdk.md",
        variables=openai_variables,
        check=python(
            "openai", "OpenAI", "OpenAI().responses.create(model='{}', input='Say hello').output_text"
        ),
    ),
    "anthropic-sdk": Client(
        title="Anthropic's SDKs",
        about="Python and JavaScript, and what is built on them",
        dialect="messages",
        v1=False,
        models=CLAUDE,
        page="docs/clients/anthropic-sdk.md",
        variables=anthropic_variables,
        check=python(
            "anthropic",
            "Anthropic",
            "Anthropic().messages.create(model='{}', max_tokens=99, "
            "messages=[dict(role='user', content='Say hello')]).content",
        ),
    ),
}
