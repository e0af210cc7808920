"""The settings, variables and steps of each client, tried with the real clients."""

import shlex
from typing import Any

from copilot_bridge.clients.client import ClientParams, ModelInfo, Step, Values
from copilot_bridge.clients.merging import IfMissing


def without_none(**values: Any) -> dict[str, Any]:
    """The values that are known."""
    return {name: value for name, value in values.items() if value is not None}


# --- Claude Code


def claude_variables(params: ClientParams) -> dict[str, str]:
    window = params.model.prompt or params.model.context
    # For a model that it does not know it assumes a million.
    limit = (
        {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(window)}
        if window and params.model.family != "messages"
        else {}
    )
    return limit | {
        "ANTHROPIC_BASE_URL": params.root,
        "ANTHROPIC_AUTH_TOKEN": params.key,
        "ANTHROPIC_MODEL": params.model.id,
        "ANTHROPIC_SMALL_FAST_MODEL": params.small_model.id,  # versions up to 2.0
        # Without it, the client requests Anthropic's newest model, which the plan may not have.
        "ANTHROPIC_DEFAULT_OPUS_MODEL": (params.newest("claude-opus") or params.model).id,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": (params.newest("claude-sonnet") or params.model).id,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": params.small_model.id,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # It shows which requests are a subagent's, a compaction's or a title's, but not their content.
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    }


def claude_settings(params: ClientParams) -> Values:
    return {"env": claude_variables(params)}


# --- Gemini CLI


def gemini_variables(params: ClientParams) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": params.root, "GEMINI_API_KEY": params.key}


def gemini_settings(params: ClientParams) -> Values:
    """The settings of the Gemini CLI, which logs in to Google unless they say to send a key."""
    key = {"auth": {"selectedType": "gemini-api-key"}}
    return {"security": key, "model": {"name": params.model.id}}


# --- Codex


# The shell of an operating system, and the variable with the key as it spells it.  Codex asks a provider for
# its models only if a command prints the key.
SHELLS = {"windows": ("cmd", "/c", "%BRIDGE_KEY%"), "": ("sh", "-c", "$BRIDGE_KEY")}


def codex_settings(params: ClientParams) -> Values:
    """The settings of Codex.  A provider named openai would compact differently; the key stays out."""
    shell, option, variable = SHELLS.get(params.os, SHELLS[""])
    key = variable if params.keyed else params.key
    provider = {
        "name": "bridge",
        "base_url": params.v1,
        "wire_api": "responses",
        "env_key": None,
        "auth": {"command": shell, "args": [option, f"echo {key}"]},
    }
    return {
        "model": params.model.id,
        "model_provider": "bridge",
        "model_context_window": None,
        "model_providers": {"bridge": provider},
    }


# --- GitHub's Copilot CLI

# The API that supports most features -> what the CLI calls it.
COPILOT_CLI = {
    "chat": {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_WIRE_API": "completions"},
    "messages": {"COPILOT_PROVIDER_TYPE": "anthropic"},
    "responses": {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_WIRE_API": "responses"},
}


def copilot_cli_variables(params: ClientParams) -> dict[str, str]:
    """The variables of Copilot CLI, which is offline: it asks only the bridge, and for no login."""
    limits = without_none(
        COPILOT_PROVIDER_MAX_PROMPT_TOKENS=params.model.prompt or params.model.context,
        COPILOT_PROVIDER_MAX_OUTPUT_TOKENS=params.model.output,
    )
    return {
        "COPILOT_PROVIDER_BASE_URL": params.v1,
        "COPILOT_PROVIDER_API_KEY": params.key,
        **COPILOT_CLI[params.model.family],
        "COPILOT_MODEL": params.model.id,
        **{name: str(value) for name, value in limits.items()},
        "COPILOT_OFFLINE": "true",
    }


# --- opencode

# The API that supports most features -> (provider, package, title).
OPENCODE = {
    "chat": ("bridge", "@ai-sdk/openai-compatible", "Copilot Bridge"),
    "messages": ("bridge-claude", "@ai-sdk/anthropic", "Copilot Bridge, Messages"),
    "responses": ("bridge-codex", "@ai-sdk/openai", "Copilot Bridge, Responses"),
}


def opencode_settings(params: ClientParams) -> Values:
    providers: dict[str, Any] = {}
    for model in params.models:
        name, package, title = OPENCODE[model.family]
        usual = {"npm": package, "name": title, "options": {"baseURL": params.v1, "apiKey": params.key}}
        providers.setdefault(name, {**usual, "models": {}})["models"][model.id] = opencode_model(model)
    return {
        "$schema": IfMissing("https://opencode.ai/config.json"),
        "model": opencode_name(params.model),
        "small_model": opencode_name(params.small_model),
        "provider": providers,
    }


def opencode_model(model: ModelInfo) -> dict[str, Any]:
    """A model in opencode's settings, with both limits or none; it compacts by them."""
    thinks = {} if model.family == "chat" else {"reasoning": True}
    limit = {"context": model.context, "output": model.output}
    return {**thinks, **({"limit": limit} if all(limit.values()) else {})}


def opencode_name(model: ModelInfo) -> str:
    return f"{OPENCODE[model.family][0]}/{model.id}"


# --- aider, Continue, Zed, llm


def aider_settings(params: ClientParams) -> Values:
    """The settings of aider.  `openai/` names the protocol; for unknown models it would edit whole files."""
    return {
        "openai-api-base": params.v1,
        "openai-api-key": params.key,
        "model": f"openai/{params.model.id}",
        "weak-model": f"openai/{params.small_model.id}",
        "edit-format": IfMissing("diff"),
        "show-model-warnings": IfMissing(False),
    }


def continue_settings(params: ClientParams) -> Values:
    return {
        "name": IfMissing("Copilot Bridge"),
        "version": IfMissing("1.0.0"),
        "schema": IfMissing("v1"),
        "models": [continue_model(params, model) for model in params.models],
    }


def continue_model(params: ClientParams, model: ModelInfo) -> Values:
    limits = without_none(contextLength=model.prompt, maxTokens=model.output)
    return {
        "name": f"{model.title or model.id} (bridge)",
        "provider": "openai",
        "model": model.id,
        "apiBase": params.v1,
        "apiKey": params.key,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use", "image_input"],
        **({"defaultCompletionOptions": limits} if limits else {}),
    }


# (kind, provider, its variable) by the API that supports most features; a variable has its provider's name.
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


def zed_settings(params: ClientParams) -> Values:
    kinds: dict[str, Any] = {}
    for model in params.models:
        kind, name, _ = ZED[model.family]
        api_url = params.root if model.family == "messages" else params.v1
        provider = kinds.setdefault(kind, {}).setdefault(name, {"api_url": api_url, "available_models": []})
        provider["available_models"].append(zed_model(model))
    default = {"provider": ZED[params.model.family][1], "model": params.model.id}
    return {"language_models": kinds, "agent": {"default_model": default}}


def zed_model(model: ModelInfo) -> Values:
    return {
        "name": model.id,
        "display_name": model.title or model.id,
        # Zed's name for the context, which it requires.
        "max_tokens": model.prompt or model.context or 128_000,
        **without_none(max_output_tokens=model.output),
        "capabilities": ZED_CAN[model.family],
    }


def zed_variables(params: ClientParams) -> dict[str, str]:
    return {ZED[model.family][2]: params.key for model in params.models}


def zed_steps(params: ClientParams) -> tuple[Step, ...]:
    sentence = (
        "Zed keeps keys in the system's keychain: enter '%(key)s' beside '%(name)s' in Settings, AI, "
        "LLM Providers, or start Zed with the variable."
    )
    names = dict.fromkeys(ZED[model.family][1] for model in params.models)
    return tuple((sentence, {"key": params.key, "name": name}) for name in names)


def llm_settings(params: ClientParams) -> list[Values]:
    return [llm_model(params, model) for model in params.models]


def llm_model(params: ClientParams, model: ModelInfo) -> Values:
    return {
        "model_id": f"bridge/{model.id}",
        "model_name": model.id,
        "api_base": params.v1,
        "api_key_name": "bridge" if params.keyed else None,
        **({} if model.family != "responses" else {"reasoning": True}),
        "supports_tools": True,
        "supports_schema": True,
        "vision": True,
    }


def llm_keys(params: ClientParams) -> Values | None:
    return {"bridge": params.key} if params.keyed else None


# --- the rest


def openai_variables(params: ClientParams) -> dict[str, str]:
    return {"OPENAI_BASE_URL": params.v1, "OPENAI_API_KEY": params.key}


def langchain_variables(params: ClientParams) -> dict[str, str]:
    """The variables of LangChain, whose two classes read those of the two vendors."""
    return openai_variables(params) | {
        "ANTHROPIC_BASE_URL": params.root,
        "ANTHROPIC_API_KEY": params.key,
    }


def anthropic_variables(params: ClientParams) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": params.root, "ANTHROPIC_AUTH_TOKEN": params.key}


def aider_variables(params: ClientParams) -> dict[str, str]:
    named = {
        "AIDER_MODEL": f"openai/{params.model.id}",
        "AIDER_WEAK_MODEL": f"openai/{params.small_model.id}",
    }
    return {"OPENAI_API_BASE": params.v1, "OPENAI_API_KEY": params.key, **named, "AIDER_EDIT_FORMAT": "diff"}


def connection_values(params: ClientParams) -> tuple[tuple[str, str], ...]:
    return ("Base URL", params.v1), ("API key", params.key), ("Model", params.model.id)


def cherry_steps(params: ClientParams) -> tuple[Step, ...]:
    return (
        ("Cherry Studio keeps its settings in the program; there is no file to edit.", {}),
        ('Open the settings, there the model providers, and press "+" (version 1: Add, type OpenAI).', {}),
        (
            'Name it "Copilot Bridge", and fill in the values (base URL in version 1: %(root)s).',
            {"root": params.root},
        ),
        ("Add the models that Sync models (version 1: Manage) lists, and switch the provider on.", {}),
    )


def ollama_variables(params: ClientParams) -> dict[str, str]:
    """The variables of Ollama's packages and what is built on them."""
    return {"OLLAMA_HOST": params.root} | ({"OLLAMA_API_KEY": params.key} if params.keyed else {})


def open_webui_variables(params: ClientParams) -> dict[str, str]:
    """The variables of Open WebUI, which looks for an Ollama of its own unless it is told not to."""
    return {
        "OPENAI_API_BASE_URL": params.v1,
        "OPENAI_API_KEY": params.key,
        "ENABLE_OLLAMA_API": "false",
        "DEFAULT_MODELS": params.model.id,
    }


def jetbrains_steps(params: ClientParams) -> tuple[Step, ...]:
    return (
        ("The IDE keeps these settings itself; there is no file to edit.", {}),
        ("Open Settings, Tools, AI Assistant, and there the third-party AI providers.", {}),
        (
            "Add an OpenAI-compatible provider with these values, or Ollama with the address %(root)s.",
            {"root": params.root},
        ),
        ("Test the connection, and choose models for chats and for the features of the editor.", {}),
    )


def list_models(params: ClientParams) -> str:
    """A check of a program that has no command line."""
    return f"curl {params.v1}/models" + (f' -H "Authorization: Bearer {params.key}"' if params.keyed else "")


def cline_steps(_params: ClientParams) -> tuple[Step, ...]:
    return (
        ("Cline keeps its settings itself; there is no file to edit.", {}),
        ("In the editor's extension: open the settings of the panel, and fill in the values.", {}),
        ("On the command line: run the command.", {}),
    )


def cline_command(params: ClientParams) -> str:
    key = shlex.quote(params.key)
    return f"cline auth openai --apikey {key} --baseurl {params.v1} --modelid {params.model.id}"
