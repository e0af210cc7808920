"""The choice of models for a client: those that were named, or those of the plan that fit."""

from dataclasses import dataclass, replace

from copilot_bridge.cli.terminal.console import spinner
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.clients import ModelInfo, pick_model
from copilot_bridge.config.parsers import word
from copilot_bridge.errors import BridgeError, ConfigError, LoginRequired, ModelNotFound, UpstreamUnreachable
from copilot_bridge.pipeline import Bridge
from copilot_bridge.pipeline.model_list import chat_models, find_auto, named
from copilot_bridge.upstream.bridge_client import list_models, resolve_model

TIMEOUT = 6.0  # seconds; without a network the settings are printed with the usual models
CONNECT_TIMEOUT = 3.0  # seconds

MODELS_UNKNOWN = "The models could not be looked up ({}), so these are the usual ones."

NOT_FOR_CHAT = ("embedding", "auto")  # parts of ids in a running bridge's list


@dataclass(frozen=True)
class ModelChoice:
    """The choice of one model.

    :param named: the user's; None: the plan's that fits.  :param preferred: prefixes, the best first.
    """

    named: str | None
    preferred: tuple[str, ...]


@dataclass(frozen=True)
class ChosenModels:
    """The models of a client's settings.

    :param plan: all chat models; empty: unknown.  :param note: a hint for the user about the choice.
    """

    main: ModelInfo | str
    small: ModelInfo | str
    plan: tuple[ModelInfo, ...] = ()
    note: str = ""


def choose_models(
    bridge: Bridge, root: str, key: str, main: ModelChoice, small: ModelChoice, *, elsewhere: bool
) -> ChosenModels:
    """Choose from the plan, else from the list of the running bridge, else the usual models.

    :param elsewhere: the bridge is not the one of these settings.
    :raises ConfigError: the bridge there wants another key.  :raises ModelNotFound:
    """
    for choice in (main, small):
        check_name(choice.named)
    config = replace(bridge.config, connect_timeout=min(CONNECT_TIMEOUT, bridge.config.connect_timeout))
    impatient = Bridge(config)

    def ask() -> ChosenModels:
        login_error = None
        try:
            if not elsewhere:
                return from_plan(impatient, main, small)
        except LoginRequired as error:
            login_error = error
        try:  # a simulated bridge may be running without a login
            return from_running_bridge(impatient, root, key, main, small)
        except UpstreamUnreachable as error:
            raise (login_error or error) from None

    try:
        with spinner("Looking up the models"):
            return call_with_timeout(ask, TIMEOUT)
    except (ConfigError, ModelNotFound):
        raise
    except BridgeError as error:
        return ChosenModels(main.named or "", small.named or "", note=MODELS_UNKNOWN.format(error))


def check_name(name: str | None) -> None:
    """Check that a model can have this name.  Raises ConfigError."""
    try:
        word(name) if name is not None else None
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def from_plan(bridge: Bridge, main: ModelChoice, small: ModelChoice) -> ChosenModels:
    plan = {model.id: named(model) for model in chat_models(bridge)}

    def pick(choice: ModelChoice) -> ModelInfo | str:
        if choice.named is None:
            return plan.get(pick_model(list(plan), choice.preferred), "")
        automatic = find_auto(choice.named)
        return named(automatic or bridge.models.resolve(bridge.copilot(), choice.named).model)

    return ChosenModels(pick(main), pick(small), tuple(plan.values()))


def from_running_bridge(
    bridge: Bridge, root: str, key: str, main: ModelChoice, small: ModelChoice
) -> ChosenModels:
    ids = list_models(bridge.client, root, key)

    def pick(choice: ModelChoice) -> str:
        if choice.named is None:
            return pick_model(ids, choice.preferred)
        return resolve_model(bridge.client, root, key, choice.named)

    chat = (name for name in ids if not any(part in name for part in NOT_FOR_CHAT))
    return ChosenModels(pick(main), pick(small), tuple(map(ModelInfo, chat)))
