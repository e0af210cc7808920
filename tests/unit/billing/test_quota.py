"""The account's report in each of its shapes, and the samples on responses."""

import msgspec.structs
import pytest
import responses

from copilot_bridge.billing.quota import (
    AccountUsage,
    Quota,
    QuotaSnapshot,
    read_snapshot,
    read_snapshots,
    read_usage,
)
from copilot_bridge.config import Config
from copilot_bridge.errors import LoginRequired
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.user_info import fetch_user_info
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.transport.http_client import HttpClient

UNLIMITED = {
    "entitlement": 0,
    "overage_count": 0,
    "overage_permitted": False,
    "percent_remaining": 100.0,
    "quota_remaining": 0.0,
    "remaining": 0,
    "unlimited": True,
}
BUSINESS = {
    "login": "octocat",
    "access_type_sku": "copilot_for_business_seat_quota",
    "copilot_plan": "business",
    "quota_reset_date": "2026-04-01",
    "quota_reset_date_utc": "2026-04-01T00:00:00.000Z",
    "quota_snapshots": {
        "chat": UNLIMITED | {"quota_id": "chat"},
        "completions": UNLIMITED | {"quota_id": "completions"},
        "premium_interactions": {
            "entitlement": 300,
            "overage_count": 0,
            "overage_permitted": True,
            "percent_remaining": 83.4,
            "quota_id": "premium_interactions",
            "quota_remaining": 250.33,
            "remaining": 250,
            "unlimited": False,
        },
    },
}


def free(entitlement, remaining, percent):
    return {
        "entitlement": entitlement,
        "remaining": remaining,
        "quota_remaining": float(remaining),
        "percent_remaining": percent,
        "unlimited": False,
        "overage_count": 0,
        "overage_permitted": False,
    }


FREE = {
    "login": "octocat",
    "access_type_sku": "free_limited_copilot",
    "copilot_plan": "free",
    "limited_user_reset_date": "2026-04-03",
    "quota_reset_date_utc": "2026-04-03T00:00:00.000Z",
    "quota_snapshots": {
        "chat": free(50, 48, 96.0),
        "completions": free(2000, 2000, 100.0),
        "premium_interactions": free(50, 48, 96.0),
    },
}
FREE_LEGACY = {
    "access_type_sku": "free_limited_copilot",
    "copilot_plan": "individual",
    "limited_user_quotas": {"chat": 350, "completions": 60},
    "monthly_quotas": {"chat": 500, "completions": 300},
    "limited_user_reset_date": "2026-06-03",
}
TOKEN_BILLED = {
    "copilot_plan": "business",
    "access_type_sku": "copilot_for_business_seat_quota",
    "token_based_billing": True,
    "quota_reset_date": "2026-10-01",
    "quota_snapshots": {
        "chat": {"unlimited": True, "entitlement": -1, "percent_remaining": 100.0, "has_quota": True},
        "premium_interactions": {
            "quota_id": "premium_interactions",
            "entitlement": 50000,
            "credits_used": 37009,
            "remaining": 12940,
            "quota_remaining": 12940.4,
            "percent_remaining": 25.8,
            "unlimited": False,
            "token_based_billing": True,
            "overage_permitted": True,
            "overage_count": 0,
            "overage_entitlement": 0,
            "quota_reset_at": 0,
        },
    },
}
NO_ACCESS = {"login": "octocat", "access_type_sku": "no_access", "quota_snapshots": None}


def quota(name, **known):
    nothing = Quota(name, None, None, None, None, False, 0.0, False, None, "requests")
    return msgspec.structs.replace(nothing, **known)


def counted(name, entitlement, remaining, percent, resets_at, **known):
    return quota(
        name,
        entitlement=entitlement,
        remaining=remaining,
        used=round(entitlement - remaining, 2),
        percent_remaining=percent,
        resets_at=resets_at,
        **known,
    )


def boundless(name, resets_at, unit="requests"):
    return quota(name, percent_remaining=100.0, unlimited=True, resets_at=resets_at, unit=unit)


APRIL, APRIL_3 = "2026-04-01T00:00:00.000Z", "2026-04-03T00:00:00.000Z"


@pytest.mark.parametrize(
    ("content", "usage"),
    [
        pytest.param(
            BUSINESS,
            AccountUsage(
                login="octocat",
                plan="business",
                sku="copilot_for_business_seat_quota",
                quotas=(
                    boundless("chat", APRIL),
                    boundless("completions", APRIL),
                    counted("premium_interactions", 300, 250.33, 83.4, APRIL, overage_permitted=True),
                ),
                resets_at=APRIL,
                token_billed=False,
            ),
            id="business",
        ),
        pytest.param(
            {
                "login": "octocat",
                "copilot_plan": "individual_pro",
                "access_type_sku": "yearly_subscriber_quota",
                "quota_snapshots": {"premium_interactions": free(1500, 1490, 99.3)},
            },
            AccountUsage(
                login="octocat",
                plan="individual_pro",
                sku="yearly_subscriber_quota",
                quotas=(counted("premium_interactions", 1500, 1490, 99.3, None),),
                resets_at=None,
                token_billed=False,
            ),
            id="pro",
        ),
        pytest.param(
            FREE,
            AccountUsage(
                login="octocat",
                plan="free",
                sku="free_limited_copilot",
                quotas=(
                    counted("chat", 50, 48, 96.0, APRIL_3),
                    counted("completions", 2000, 2000, 100.0, APRIL_3),
                    counted("premium_interactions", 50, 48, 96.0, APRIL_3),
                ),
                resets_at=APRIL_3,
                token_billed=False,
            ),
            id="free",
        ),
        pytest.param(
            FREE_LEGACY,
            AccountUsage(
                login="",
                plan="individual",
                sku="free_limited_copilot",
                quotas=(
                    counted("chat", 500, 350, 70.0, "2026-06-03"),
                    counted("completions", 300, 60, 20.0, "2026-06-03"),
                ),
                resets_at="2026-06-03",
                token_billed=False,
            ),
            id="free, legacy",
        ),
        pytest.param(
            TOKEN_BILLED,
            AccountUsage(
                login="",
                plan="business",
                sku="copilot_for_business_seat_quota",
                quotas=(
                    boundless("chat", "2026-10-01", unit="AI units"),
                    counted(
                        "premium_interactions",
                        50000,
                        12940.4,
                        25.8,
                        "2026-10-01",
                        overage_permitted=True,
                        unit="AI units",
                    ),
                ),
                resets_at="2026-10-01",
                token_billed=True,
            ),
            id="token-billed",
        ),
        pytest.param(NO_ACCESS, AccountUsage("octocat", "", "no_access", (), None, False), id="no access"),
        pytest.param({}, AccountUsage("", "", "", (), None, False), id="empty"),
    ],
)
def test_a_report_of_any_form_is_read(content, usage):
    assert read_usage(content) == usage


def read_one(account=None, **snapshot):
    return read_usage({"quota_snapshots": {"chat": snapshot}} | (account or {})).quotas[0]


@pytest.mark.parametrize(
    ("snapshot", "known"),
    [
        pytest.param(
            {"entitlement": "300", "remaining": "100", "percent_remaining": "33.3"},
            {"entitlement": 300, "remaining": 100, "used": 200, "percent_remaining": 33.3},
            id="numeric strings",
        ),
        pytest.param(
            {"entitlement": 0, "remaining": 0, "unlimited": False, "percent_remaining": 0.0},
            {"entitlement": 0, "remaining": 0, "used": 0, "percent_remaining": 0.0},
            id="no allowance",
        ),
        pytest.param(
            {"entitlement": 0, "remaining": 0},
            {"entitlement": 0, "remaining": 0, "used": 0, "percent_remaining": 0.0},
            id="no allowance, no percentage",
        ),
        pytest.param(
            {"entitlement": 300, "remaining": -1, "percent_remaining": -0.333, "overage_count": 1},
            {
                "entitlement": 300,
                "remaining": -1,
                "used": 301,
                "percent_remaining": -0.333,
                "overage_count": 1,
            },
            id="over quota",
        ),
        pytest.param({"entitlement": "-1"}, {"unlimited": True}, id="unlimited by -1"),
        pytest.param(
            {"entitlement": 200, "percent_remaining": 25},
            {"entitlement": 200, "remaining": 50, "used": 150, "percent_remaining": 25},
            id="percentage only",
        ),
        pytest.param(
            {"entitlement": 200, "remaining": 50},
            {"entitlement": 200, "remaining": 50, "used": 150, "percent_remaining": 25},
            id="no percentage",
        ),
        pytest.param({"entitlement": 200}, {"entitlement": 200}, id="entitlement only"),
        pytest.param({"remaining": 5}, {"remaining": 5}, id="remaining only"),
        pytest.param(
            {"entitlement": "many", "remaining": True, "percent_remaining": "nan", "overage_count": None},
            {},
            id="malformed",
        ),
        pytest.param({"entitlement": 10**400}, {}, id="absurd"),
        pytest.param({"quota_reset_at": 1790812800}, {"resets_at": "2026-10-01T00:00:00Z"}, id="own reset"),
        pytest.param({"token_based_billing": True}, {"unit": "AI units"}, id="own billing"),
    ],
)
def test_a_quota_of_any_form_is_read(snapshot, known):
    assert read_one(**snapshot) == quota("chat", **known)


RESETS = {
    "quota_reset_date_utc": "2026-01-01T00:00:00.000Z",
    "quota_reset_date": "2026-02-02",
    "limited_user_reset_date": "2026-03-03",
}


@pytest.mark.parametrize(
    ("reset_at", "missing", "resets_at"),
    [
        (1790812800, 0, "2026-10-01T00:00:00Z"),
        (0, 0, "2026-01-01T00:00:00.000Z"),
        (-5, 0, "2026-01-01T00:00:00.000Z"),
        (1e300, 0, "2026-01-01T00:00:00.000Z"),
        (0, 1, "2026-02-02"),
        (0, 2, "2026-03-03"),
        (0, 3, None),
    ],
)
def test_the_most_exact_reset_counts(reset_at, missing, resets_at):
    account = dict(list(RESETS.items())[missing:])
    assert read_one(account, quota_reset_at=reset_at).resets_at == resets_at


def test_malformed_snapshots_are_left_out():
    usage = read_usage({"quota_snapshots": {"chat": None, "completions": 5, "premium_interactions": {}}})
    assert [quota.name for quota in usage.quotas] == ["premium_interactions"]
    assert read_usage({"quota_snapshots": [], "monthly_quotas": {"chat": 5}}).quotas == ()


RESET = "2026-05-01T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "snapshot", "exhausted"),
    [
        (
            "ent=300&ov=0.0&ovPerm=false&rem=29.7&rst=2026-05-01T00%3A00%3A00Z",
            QuotaSnapshot(300, 29.7, 0.0, False, RESET, None),
            False,
        ),
        (
            "ent=-1&ov=0.0&ovPerm=false&rem=100.0&rst=2026-05-01T00%3A00%3A00Z",
            QuotaSnapshot(-1, 100.0, 0.0, False, RESET, None),
            False,
        ),
        ("ent=-1&ovPerm=false&rem=0.0", QuotaSnapshot(-1, 0.0, 0.0, False, None, None), False),
        ("ent=300&ov=2.5&ovPerm=false&rem=-0.8", QuotaSnapshot(300, -0.8, 2.5, False, None, None), True),
        ("ent=300&ov=2.5&ovPerm=true&rem=-0.8", QuotaSnapshot(300, -0.8, 2.5, True, None, None), False),
        ("ent=300&rem=0", QuotaSnapshot(300, 0.0, 0.0, False, None, None), True),
        ("ent=0&rem=95.9", QuotaSnapshot(0, 95.9, 0.0, False, None, None), False),
        ("ent=50000&rem=25.8&totRem=12940.4", QuotaSnapshot(50000, 25.8, 0.0, False, None, 12940.4), False),
        (
            "ent=1&rem=1&rst=2026-05-01T00:00:00+02:00",
            QuotaSnapshot(1, 1.0, 0.0, False, "2026-05-01T00:00:00+02:00", None),
            False,
        ),
    ],
)
def test_a_snapshot_header_is_read(value, snapshot, exhausted):
    read = read_snapshot(value)
    assert read == snapshot
    assert read.exhausted is exhausted


@pytest.mark.parametrize("value", ["", "x", "ent=300", "rem=5", "ent=&rem=", "ent=a&rem=5", "ent=1&rem=inf"])
def test_malformed_snapshot_headers_are_skipped(value):
    assert read_snapshots({"x-quota-snapshot-chat": value}) == {}


def test_snapshots_are_read_by_name():
    read = read_snapshots(
        {
            "Content-Type": "application/json",
            "X-Quota-Snapshot-Premium_Models": "ent=300&rem=29.7",
            "x-quota-snapshot-chat": "ent=-1&rem=100.0",
            "x-usage-ratelimit-session": "ent=0&ov=0.0&ovPerm=false&rem=99.6&rst=2026-04-22T14%3A30%3A56Z",
            "x-usage-ratelimit-weekly": "ent=0&rem=95.9",
            "x-quota-snapshot-": "ent=1&rem=1",
        }
    )
    assert {name: snapshot.percent_remaining for name, snapshot in read.items()} == {
        "premium_models": 29.7,
        "chat": 100.0,
        "session": 99.6,
        "weekly": 95.9,
    }
    assert read["session"].resets_at == "2026-04-22T14:30:56Z"
    assert read["chat"].unlimited


@pytest.fixture
def fetched():
    config = Config(proxy_env=False)
    client = HttpClient(config)
    account = Account("octocat", Secret("ghu_EXAMPLE"), Hosts.of(config))
    with responses.RequestsMock() as github:
        yield github, lambda: fetch_user_info(client, Headers(config), account)
    client.close()


def test_the_report_is_fetched_with_the_accounts_token(fetched):
    github, fetch = fetched
    github.get("https://api.github.com/copilot_internal/user", json=BUSINESS)
    assert fetch() == BUSINESS
    assert github.calls[0].request.headers["Authorization"] == "token ghu_EXAMPLE"


def test_a_revoked_login_is_an_error(fetched):
    github, fetch = fetched
    github.get(
        "https://api.github.com/copilot_internal/user", status=401, json={"message": "Bad credentials"}
    )
    with pytest.raises(LoginRequired):
        fetch()
