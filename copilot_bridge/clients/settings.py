"""What each client's settings, variables and user have to be told; tried with the real ones."""

import shlex
from typing import Any

from copilot_bridge.clients.client import Named, Step, Values, Wish
from copilot_bridge.clients.edit import IfMissing


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
        # It says which calls are a subagent's, a compaction's or a title's, and nothing of what is said.
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
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


# --- GitHub's Copilot CLI

# The API that carries most -> what the CLI calls it.
COPILOT_CLI = {
    "chat": {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_WIRE_API": "completions"},
    "messages": {"COPILOT_PROVIDER_TYPE": "anthropic"},
    "responses": {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_WIRE_API": "responses"},
}


def copilot_cli_variables(wish: Wish) -> dict[str, str]:
    """Offline it asks nobody but the bridge, and no login for anybody."""
    limits = given(
        COPILOT_PROVIDER_MAX_PROMPT_TOKENS=wish.model.prompt or wish.model.context,
        COPILOT_PROVIDER_MAX_OUTPUT_TOKENS=wish.model.output,
    )
    return {
        "COPILOT_PROVIDER_BASE_URL": wish.v1,
        "COPILOT_PROVIDER_API_KEY": wish.key,
        **COPILOT_CLI[wish.model.family],
        "COPILOT_MODEL": wish.model.id,
        **{name: str(value) for name, value in limits.items()},
        "COPILOT_OFFLINE": "true",
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
