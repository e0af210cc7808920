"""Checks of the account: login, token, plan, models."""

import time

from copilot_bridge.billing.quota import read_usage
from copilot_bridge.cli.doctor.check import CheckContext, Finding, failed, ok, warning
from copilot_bridge.errors import (
    BridgeError,
)
from copilot_bridge.pipeline.model_list import chat_models
from copilot_bridge.upstream.catalogues import OUTDATED, UPDATE
from copilot_bridge.upstream.github.api import TIMEOUT, read_response
from copilot_bridge.upstream.github.user_info import fetch_user_info


def login(context: CheckContext) -> Finding:
    account = context.bridge.account()
    token = account.github_token.reveal()
    if token.startswith("ghp_"):
        return failed("Copilot does not accept classic tokens (ghp_)", "copilot-bridge auth")
    headers = context.bridge.headers.github(token)
    response = context.bridge.client.send("GET", account.hosts.api + "/user", headers, timeout=TIMEOUT)
    user = read_response(response).get("login")
    origin = context.config.origin("github_token") if context.config.github_token else "the store"
    scopes = response.headers.get("x-oauth-scopes")
    return ok(f"{user}, from {origin}{f', scopes: {scopes}' if scopes else ''}")


def token(context: CheckContext) -> Finding:
    found = context.bridge.copilot().token()
    context.copilot = found.api
    kind = "the GitHub token itself" if not found.exchanged else "exchanged"
    minutes = (found.expires_at - time.time()) / 60
    return ok(f"{kind}, good for {minutes:.0f} min, at {found.api}")


def plan(context: CheckContext) -> Finding:
    """Check the remaining quotas; a plan that does not report them is a warning only."""
    bridge = context.bridge
    name = bridge.copilot().token().plan or "plan unknown"
    try:
        usage = read_usage(fetch_user_info(bridge.client, bridge.headers, bridge.account()))
    except BridgeError as error:
        return warning(
            f"{name}; GitHub does not report the quotas: {error}",
            "copilot-bridge auth, for a login that may read them",
        )
    spent = [quota.name for quota in usage.quotas if not quota.unlimited and quota.percent_remaining == 0]
    if spent:
        return warning(f"{name}; used up: {', '.join(spent)}", "copilot-bridge check-usage")
    return ok(name)


def models(context: CheckContext) -> Finding:
    context.models = chat_models(context.bridge)
    if not context.models:
        return failed(
            "the plan has no chat model", "enable some: https://github.com/settings/copilot/features"
        )
    found = f"{len(context.models)}: {', '.join(model.id for model in context.models[:4])} ..."
    if outdated := context.bridge.models.catalogue(context.bridge.copilot()).outdated:
        return warning(f"{found}; {OUTDATED}: {outdated}", UPDATE)
    return ok(found)
