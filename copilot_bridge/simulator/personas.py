"""Accounts of the simulator, which are chosen by the names of their GitHub tokens.

A token is `ghu_sim_demo`, `gho_sim_demo` or `github_pat_sim_demo`, with any suffix after `.`, `_` or `-`.
The suffix isolates a test: counters and expiries are kept for the whole token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = re.compile(r"^(ghu|gho|github_pat)_sim_([a-z]+)([._-].*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A kind of subscription; the words are those of the real responses."""

    host: str  # names the plan's hosts: proxy.<host>.githubcopilot.com
    tier: str  # as in a model's `billing.restricted_to`
    sku: str
    copilot_plan: str
    quota: str  # row of quota.QUOTAS
    catalogue: str = "2026-11"  # as in scenarios/models-….json

    @property
    def individual(self) -> bool:
        return self.host == "individual"


BUSINESS = Plan(
    host="business",
    tier="business",
    sku="copilot_for_business_seat_quota",
    copilot_plan="business",
    quota="seat",
)
ENTERPRISE = Plan(
    host="enterprise",
    tier="enterprise",
    sku="copilot_enterprise_seat_quota",
    copilot_plan="enterprise",
    quota="large-seat",
)
PRO = Plan(
    host="individual", tier="pro", sku="monthly_subscriber_quota", copilot_plan="individual", quota="pro"
)
PRO_PLUS = Plan(
    host="individual",
    tier="pro_plus",
    sku="plus_monthly_subscriber_quota",
    copilot_plan="individual_pro",
    quota="pro-plus",
)
FREE = Plan(host="individual", tier="free", sku="free_limited_copilot", copilot_plan="free", quota="free")
BILLED = Plan(
    host="business",
    tier="business",
    sku="copilot_for_business_seat_quota",
    copilot_plan="business",
    quota="billed",
)
SPRING = Plan(
    host="business",
    tier="business",
    sku="copilot_for_business_seat_quota",
    copilot_plan="business",
    quota="seat",
    catalogue="2026-03",
)
EXHAUSTED = Plan(
    host="individual",
    tier="pro",
    sku="monthly_subscriber_quota",
    copilot_plan="individual",
    quota="exhausted",
)


BEYOND = Plan(
    host="business",
    tier="business",
    sku="copilot_for_business_seat_quota",
    copilot_plan="business",
    quota="beyond",
    catalogue="2026-03",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One account.  Refusals are named by their row in `refusals`."""

    name: str
    about: str
    plan: Plan = BUSINESS
    paths: tuple[str, ...] = ("",)
    """Where `endpoints.api` points, by exchange (the last repeats): a path of ours, or a foreign URL.  The
    last one is the account's home; any other host responds with 421."""
    exchanges: tuple[str, ...] = ("ok",)
    """The results of the token exchange, by attempt: `ok` or a refusal.  The last one repeats."""
    user_info: str = "seat"
    """A row of accounts.FORMS, or a refusal."""
    capi: str | None = None
    """The refusal of every call of the Copilot API."""
    chat: str | None = None
    """The refusal of every chat call."""
    lifetime: int = 1800  # seconds that a Copilot token is really valid
    refresh_in: int = 1500  # seconds, as sent
    skew: int = 0  # seconds by which the upstream's clock is ahead
    prefixes: tuple[str, ...] = ("ghu", "gho", "github_pat")
    outages: Mapping[str, int | str] = field(default_factory=dict)
    """Paths that fail, with the status or `never`; see `outages`."""

    @property
    def login(self) -> str:
        return f"octo-{self.name}"

    @property
    def home(self) -> str:
        """The path of our origin that serves this account."""
        return self.paths[-1] if self.paths[-1].startswith("/") else ""


UNSEATED = "unauthorized-feature"

PERSONAS = {
    row.name: row
    for row in (
        Persona(name="demo", about="business seat, served at the root: what a demo wants"),
        Persona(
            name="individual", about="Copilot Pro, served at /individual", plan=PRO, paths=("/individual",)
        ),
        Persona(
            name="proplus", about="Copilot Pro+, served at /individual", plan=PRO_PLUS, paths=("/individual",)
        ),
        Persona(name="business", about="business seat, served at /business", paths=("/business",)),
        Persona(
            name="enterprise",
            about="enterprise seat, served at /enterprise",
            plan=ENTERPRISE,
            paths=("/enterprise",),
        ),
        Persona(
            name="free",
            about="Copilot Free, quota as snapshots",
            plan=FREE,
            paths=("/individual",),
            user_info="free",
        ),
        Persona(
            name="legacyfree",
            about="Copilot Free, quota in the old form",
            plan=FREE,
            paths=("/individual",),
            user_info="legacyfree",
        ),
        Persona(
            name="spring",
            about="business seat of spring 2026: a catalogue with multipliers of premium requests",
            plan=SPRING,
        ),
        Persona(name="tokenbilled", about="seat billed in AI units", plan=BILLED, user_info="tokenbilled"),
        Persona(
            name="overquota",
            about="quota used up: percent_remaining is negative, chat responds with 402",
            plan=EXHAUSTED,
            chat="quota",
        ),
        Persona(
            name="overage",
            about="business seat of spring 2026 beyond its quota, where extra use is allowed and billed",
            plan=BEYOND,
        ),
        Persona(
            name="noaccess",
            about="no Copilot plan: exchange 403 no_copilot_access",
            plan=FREE,
            exchanges=("no-copilot-access",),
            user_info="noaccess",
            capi=UNSEATED,
        ),
        Persona(
            name="blocked",
            about="blocked account: exchange 403 access_revoked",
            exchanges=("access-revoked",),
            user_info="noaccess",
            capi="forbidden",
        ),
        Persona(
            name="revoked",
            about="GitHub token revoked after the first exchange: 401 Bad credentials",
            exchanges=("ok", "bad-credentials"),
        ),
        Persona(
            name="scripted",
            about="token minting taken for a script: exchange 403 programmatic_token_generation",
            exchanges=("programmatic-token-generation",),
        ),
        Persona(
            name="ratelimited",
            about="exchange 403: GitHub's REST rate limit, with x-ratelimit-reset",
            exchanges=("rest-rate-limit",),
        ),
        Persona(
            name="foreignapp",
            about="token of a foreign OAuth App: 404 on exchange and user info",
            exchanges=("not-found",),
            user_info="not-found",
            capi=UNSEATED,
        ),
        Persona(
            name="foreignghapp",
            about="token of a foreign GitHub App: 403 Resource not accessible by integration",
            exchanges=("not-accessible",),
            user_info="not-accessible",
            capi=UNSEATED,
        ),
        Persona(name="unicorn", about="exchange always 502 with an HTML page", exchanges=("unicorn",)),
        Persona(
            name="flaky",
            about="first exchange works, later ones are 502 with an HTML page",
            exchanges=("ok", "unicorn"),
        ),
        Persona(
            name="shortlived",
            about="refresh_in 2; a token really dies after 4 seconds",
            refresh_in=2,
            lifetime=4,
        ),
        Persona(name="skewed", about="expires_at is an hour ahead: the upstream's clock is", skew=3600),
        Persona(
            name="moved",
            about="first exchange names /individual, which gets a 421; later ones /business, which works",
            paths=("/individual", "/business"),
        ),
        Persona(
            name="evil",
            about="endpoints.api is https://attacker.example",
            paths=("https://attacker.example",),
        ),
        Persona(
            name="httponly",
            about="refuses every WebSocket: the upgrade gets a 426",
            outages={"ws:/responses": 426},
        ),
        Persona(
            name="firstauto",
            about="auto mode as it was before POST /auto, which gets a 404",
            outages={"/auto": 404},
        ),
        Persona(
            name="patnoperm",
            about="fine-grained PAT without the Copilot Requests permission (github_pat_ only)",
            capi="pat-permission",
            prefixes=("github_pat",),
        ),
    )
}


def identify(github_token: str) -> Persona | None:
    """The owner of a GitHub token; None if GitHub never issued it."""
    match = TOKEN.match(github_token)
    if match is None:
        return None
    persona = PERSONAS.get(match[2])
    return persona if persona and match[1] in persona.prefixes else None
