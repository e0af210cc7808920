"""A row for each client, tried with the real one; docs/clients has a page for each."""

from collections.abc import Callable

from copilot_bridge.clients.client import Client, ClientParams, FileLocation, SettingsFile
from copilot_bridge.clients.settings import (
    aider_settings,
    aider_variables,
    anthropic_variables,
    cherry_steps,
    claude_settings,
    claude_variables,
    cline_command,
    cline_steps,
    codex_settings,
    connection_values,
    continue_settings,
    copilot_cli_variables,
    gemini_settings,
    gemini_variables,
    jetbrains_steps,
    langchain_variables,
    list_models,
    llm_keys,
    llm_settings,
    ollama_variables,
    open_webui_variables,
    openai_variables,
    opencode_name,
    opencode_settings,
    zed_settings,
    zed_steps,
    zed_variables,
)

CLAUDE = ("claude-sonnet-4.6", "claude-sonnet", "claude-opus", "claude", "gpt")
HAIKU = ("claude-haiku-4.5", "claude-haiku", "gpt-5-mini", "gpt-4o-mini", "claude", "gpt")
CODEX = ("gpt-5.3-codex", "gpt-5", "gpt", "claude")
GEMINI = ("gemini-3.1-pro-preview", "gemini", "claude-sonnet", "gpt", "claude")
GENERAL = ("gpt-4.1", "gpt-5-mini", "gpt-4o", "gpt", "claude")

LLM_FOLDER = "io.datasette.llm"
LLM_USUAL = {
    "": f"~/.config/{LLM_FOLDER}",
    "macos": f"~/Library/Application Support/{LLM_FOLDER}",
    "windows": f"%APPDATA%/{LLM_FOLDER}",
}


def llm_location(*names: str) -> FileLocation:
    return FileLocation(LLM_USUAL, names, (("LLM_USER_PATH", ""), ("XDG_CONFIG_HOME", LLM_FOLDER)))


def python_check(module: str, name: str, ask: str) -> Callable[[ClientParams], str]:
    """A check in Python; a model's id has neither quotes nor blanks."""
    return lambda params: f'python -c "from {module} import {name}; print({ask.format(params.model.id)})"'


CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        title="Claude Code",
        about="Anthropic's agent",
        dialect="messages",
        v1=False,
        models=CLAUDE,
        small_models=HAIKU,
        page="docs/clients/claude-code.md",
        files=(
            SettingsFile(
                FileLocation({"": "~/.claude"}, ("settings.json",), (("CLAUDE_CONFIG_DIR", ""),)),
                "json",
                claude_settings,
            ),
        ),
        variables=claude_variables,
        conflicts=("ANTHROPIC_API_KEY", "env.ANTHROPIC_API_KEY", "apiKeyHelper"),
        check=lambda _params: 'claude -p "Say hello"',
    ),
    "codex": Client(
        title="Codex",
        about="OpenAI's agent",
        dialect="responses",
        v1=True,
        models=CODEX,
        page="docs/clients/codex.md",
        files=(
            SettingsFile(
                FileLocation({"": "~/.codex"}, ("config.toml",), (("CODEX_HOME", ""),)),
                "toml",
                codex_settings,
            ),
        ),
        extra_variables=lambda params: {"BRIDGE_KEY": params.key} if params.keyed else {},
        check=lambda _params: 'codex exec --skip-git-repo-check "Say hello"',
    ),
    "gemini-cli": Client(
        title="Gemini CLI",
        about="Google's agent",
        dialect="gemini",
        v1=False,
        models=GEMINI,
        page="docs/clients/gemini-cli.md",
        files=(
            SettingsFile(
                FileLocation({"": "~/.gemini"}, ("settings.json",), (("GEMINI_CLI_HOME", ".gemini"),)),
                "json",
                gemini_settings,
            ),
        ),
        extra_variables=gemini_variables,
        conflicts=("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GEMINI_MODEL"),
        check=lambda _params: 'gemini -p "Say hello"',
    ),
    "google-genai": Client(
        title="Google's SDKs",
        about="Python and JavaScript, and what is built on them",
        dialect="gemini",
        v1=False,
        models=GEMINI,
        page="docs/clients/google-genai.md",
        variables=gemini_variables,
        conflicts=("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"),
        check=python_check(
            "google.genai",
            "Client",
            "Client().models.generate_content(model='{}', contents='Say hello').text",
        ),
    ),
    "copilot-cli": Client(
        title="Copilot CLI",
        about="GitHub's own agent, through any of the three APIs",
        dialect="messages",
        v1=True,
        models=CLAUDE,
        page="docs/clients/copilot-cli.md",
        variables=copilot_cli_variables,
        check=lambda _params: 'copilot -p "Say hello"',
    ),
    "opencode": Client(
        title="opencode",
        about="an agent for the terminal, through any of the three APIs",
        dialect="chat",
        v1=True,
        models=GENERAL,
        small_models=GENERAL,
        page="docs/clients/opencode.md",
        files=(
            SettingsFile(
                FileLocation(
                    {"": "~/.config/opencode"},
                    ("opencode.json", "opencode.jsonc"),
                    (("XDG_CONFIG_HOME", "opencode"),),
                ),
                "json",
                opencode_settings,
            ),
        ),
        check=lambda params: f'opencode run -m {opencode_name(params.model)} "Say hello"',
    ),
    "aider": Client(
        title="aider",
        about="pair programming in the terminal",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        small_models=GENERAL,
        page="docs/clients/aider.md",
        files=(SettingsFile(FileLocation({"": "~"}, (".aider.conf.yml",)), "yaml", aider_settings),),
        variables=aider_variables,
        check=lambda _params: 'aider --no-git --yes-always --message "Say hello"',
    ),
    "continue": Client(
        title="Continue",
        about="an assistant for VS Code and JetBrains",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/continue.md",
        files=(
            SettingsFile(
                FileLocation({"": "~/.continue"}, ("config.yaml",), (("CONTINUE_GLOBAL_DIR", ""),)),
                "yaml",
                continue_settings,
            ),
        ),
        check=lambda _params: 'cn -p "Say hello"',
    ),
    "cline": Client(
        title="Cline",
        about="an agent for VS Code, JetBrains and the terminal",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/cline.md",
        setup_command=cline_command,
        values=lambda params: (("API provider", "OpenAI Compatible"), *connection_values(params)),
        steps=cline_steps,
        check=lambda _params: 'cline "Say hello"',
    ),
    "cherry-studio": Client(
        title="Cherry Studio",
        about="a desktop program for chats",
        dialect="chat",
        v1=True,
        models=GENERAL,
        page="docs/clients/cherry-studio.md",
        values=connection_values,
        steps=cherry_steps,
        check=list_models,
    ),
    "open-webui": Client(
        title="Open WebUI",
        about="a page for chats, for one person or for many",
        dialect="chat",
        v1=True,
        models=GENERAL,
        page="docs/clients/open-webui.md",
        variables=open_webui_variables,
        check=list_models,
    ),
    "jetbrains": Client(
        title="JetBrains AI Assistant",
        about="the assistant of JetBrains' IDEs",
        dialect="chat",
        v1=True,
        models=GENERAL,
        page="docs/clients/jetbrains.md",
        values=connection_values,
        steps=jetbrains_steps,
        check=list_models,
    ),
    "ollama": Client(
        title="Ollama's clients",
        about="tools that speak nothing but Ollama's API",
        dialect="chat",
        v1=False,
        models=GENERAL,
        page="docs/clients/ollama.md",
        variables=ollama_variables,
        check=python_check(
            "ollama",
            "chat",
            "chat(model='{}', messages=[dict(role='user', content='Say hello')]).message.content",
        ),
    ),
    "zed": Client(
        title="Zed",
        about="an editor with an agent in it",
        dialect="chat",
        v1=True,
        models=GENERAL,
        page="docs/clients/zed.md",
        files=(
            SettingsFile(
                FileLocation(
                    {"": "~/.config/zed", "windows": "%APPDATA%/Zed"},
                    ("settings.json",),
                    (("XDG_CONFIG_HOME", "zed"),),
                ),
                "json",
                zed_settings,
            ),
        ),
        extra_variables=zed_variables,
        steps=zed_steps,
        check=lambda _params: "zed .",
    ),
    "llm": Client(
        title="llm",
        about="Simon Willison's command line tool",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/llm.md",
        files=(
            SettingsFile(llm_location("extra-openai-models.yaml"), "yaml", llm_settings),
            SettingsFile(llm_location("keys.json"), "json", llm_keys),
        ),
        check=lambda params: f'llm -m bridge/{params.model.id} "Say hello"',
    ),
    "openai-sdk": Client(
        title="OpenAI's SDKs",
        about="Python and JavaScript, and what is built on them",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/openai-sdk.md",
        variables=openai_variables,
        check=python_check(
            "openai", "OpenAI", "OpenAI().responses.create(model='{}', input='Say hello').output_text"
        ),
    ),
    "langchain": Client(
        title="LangChain",
        about="ChatOpenAI and ChatAnthropic, for Python",
        dialect="chat",
        v1=True,
        models=CLAUDE,
        page="docs/clients/langchain.md",
        variables=langchain_variables,
        check=python_check(
            "langchain_openai", "ChatOpenAI", "ChatOpenAI(model='{}').invoke('Say hello').content"
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
        check=python_check(
            "anthropic",
            "Anthropic",
            "Anthropic().messages.create(model='{}', max_tokens=99, "
            "messages=[dict(role='user', content='Say hello')]).content",
        ),
    ),
}
