"""`GET /copilot_internal/user` and the token exchange's response: an account in the form of its plan."""

from collections.abc import Callable
from time import time
from typing import Any

from copilot_bridge.simulator import completions, quota
from copilot_bridge.simulator.personas import Persona
from copilot_bridge.simulator.world import World

ORGANISATION = "example-org"


def endpoints(world: World, path: str) -> dict[str, str]:
    """All four point back at us, lest a test reach the real hosts."""
    return {
        "api": world.url(path),
        "origin-tracker": world.origin,
        "proxy": world.url(completions.HOST),
        "telemetry": world.origin,
    }


def token_response(world: World, github_token: str, persona: Persona, path: str) -> dict[str, Any]:
    """The success of `GET /copilot_internal/v2/token`; mints a token."""
    plan, free = persona.plan, persona.plan.tier == "free"
    expires_at = int(time()) + persona.lifetime + persona.skew
    return {
        "agent_mode_auto_approval": True,
        "annotations_enabled": False,
        "azure_only": False,
        "blackbird_clientside_indexing": False,
        "chat_enabled": True,
        "chat_jetbrains_enabled": True,
        "code_quote_enabled": True,
        "code_review_enabled": True,
        "codesearch": True,
        "copilotignore_enabled": not plan.individual,
        "endpoints": endpoints(world, path),
        "enterprise_list": None if plan.individual else [123456],
        "expires_at": expires_at,
        "individual": plan.individual,
        "limited_user_quotas": {"chat": 500, "completions": 4000} if free else None,
        "limited_user_reset_date": int(quota.next_month().timestamp()) if free else None,
        "organization_list": None if plan.individual else ["0123456789abcdef0123456789abcdef"],
        "prompt_8k": True,
        "public_suggestions": "enabled",
        "refresh_in": persona.refresh_in,
        "sku": plan.sku,
        "snippy_load_test_enabled": False,
        "telemetry": "disabled",
        "token": world.mint.issue(github_token, persona, expires_at).text,
        "tracking_id": "00112233445566778899aabbccddeeff",
        "vsc_electron_fetcher_v2": False,
        "xcode": True,
        "xcode_chat": False,
    }


def identity(world: World, persona: Persona) -> dict[str, Any]:
    """The fields that all forms but the oldest have in common."""
    mine = [] if persona.plan.individual else [ORGANISATION]
    return {
        "login": persona.login,
        "access_type_sku": persona.plan.sku,
        "analytics_tracking_id": "00112233445566778899aabbccddeeff",
        "assigned_date": None if persona.plan.individual else "2025-06-02T09:12:44-07:00",
        "can_signup_for_limited": False,
        "chat_enabled": True,
        "copilot_plan": persona.plan.copilot_plan,
        "codex_agent_enabled": True,
        "is_mcp_enabled": True,
        "organization_login_list": mine,
        "organization_list": [{"login": login, "name": "Example Org"} for login in mine],
        "endpoints": endpoints(world, persona.paths[-1]),
    }


def reset_dates() -> dict[str, str]:
    reset = quota.next_month()
    return {
        "quota_reset_date": reset.strftime("%Y-%m-%d"),
        "quota_reset_date_utc": reset.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


def seat(world: World, persona: Persona) -> dict[str, Any]:
    """Request-billed plans."""
    return identity(world, persona) | reset_dates() | {"quota_snapshots": quota.snapshots(persona.plan.quota)}


def free(world: World, persona: Persona) -> dict[str, Any]:
    """Copilot Free of today: snapshots, and its own name for the reset."""
    dates = reset_dates()
    dates["limited_user_reset_date"] = dates.pop("quota_reset_date")
    return identity(world, persona) | dates | {"quota_snapshots": quota.snapshots(persona.plan.quota)}


def legacy_free(_world: World, persona: Persona) -> dict[str, Any]:
    """Copilot Free of 2025: remaining counts beside monthly ones, no login, no endpoints."""
    return {
        "access_type_sku": persona.plan.sku,
        "copilot_plan": "individual",
        "limited_user_quotas": {"chat": 350, "completions": 60},
        "monthly_quotas": {"chat": 500, "completions": 300},
        "limited_user_reset_date": reset_dates()["quota_reset_date"],
    }


def token_billed(world: World, persona: Persona) -> dict[str, Any]:
    """Plans billed per token, since June 2026."""
    billing = {
        "token_based_billing": True,
        "can_upgrade_plan": False,
        "quota_snapshots": quota.billed_snapshots(),
    }
    return identity(world, persona) | reset_dates() | billing


def no_access(world: World, persona: Persona) -> dict[str, Any]:
    nothing = {"access_type_sku": "no_access", "chat_enabled": False, "quota_snapshots": None}
    found = identity(world, persona) | nothing | {"can_signup_for_limited": True}
    return {name: value for name, value in found.items() if name != "endpoints"}


FORMS: dict[str, Callable[[World, Persona], dict[str, Any]]] = {
    "seat": seat,
    "free": free,
    "legacyfree": legacy_free,
    "tokenbilled": token_billed,
    "noaccess": no_access,
}
