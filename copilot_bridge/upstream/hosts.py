"""The hosts of an account's requests, and the check of hosts that a token names."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from msgspec import Struct

from copilot_bridge.config import Config

COPILOT_DOMAIN = ".githubcopilot.com"

# A bare name: no port, no user, and no character that some parsers read as its end.
HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class Hosts(Struct, frozen=True):
    """Base addresses without a trailing slash.

    :param copilot: Copilot's API, unless a token names another address.
    :param operator_set: the operator named Copilot's address or plan; no token changes it.
    """

    github: str
    api: str
    copilot: str
    enterprise: str | None = None
    operator_set: bool = False

    @classmethod
    def of(cls, config: Config) -> "Hosts":
        tenant = config.enterprise_url
        defaults = (
            (f"https://{tenant}", f"https://api.{tenant}", f"https://copilot-api.{tenant}")
            if tenant
            else ("https://github.com", "https://api.github.com", "https://api.githubcopilot.com")
        )
        plan = config.account_type and f"https://api.{config.account_type}{COPILOT_DOMAIN}"
        return cls(
            github=config.github_url or defaults[0],
            api=config.github_api_url or defaults[1],
            copilot=config.copilot_api_url or plan or defaults[2],
            enterprise=tenant,
            operator_set=bool(config.copilot_api_url or plan),
        )

    @property
    def expected(self) -> str:
        """Return Copilot's address as far as it is known without a token; "" if only a token names it.

        If GitHub's API is the operator's own (a simulator), Copilot's usual address would be the wrong one.
        """
        usual = f"https://api.{self.enterprise or 'github.com'}"
        return self.copilot if self.operator_set or self.api == usual else ""

    def of_login(self, api: str, config: Config) -> "Hosts":
        """The hosts of a stored login, which may belong to another GitHub than the configured one."""
        if api == self.api:
            return self
        tenant = urlsplit(api).netloc.removeprefix("api.")
        others = None if tenant == "github.com" else tenant
        plain = replace(config, github_url=None, github_api_url=None, copilot_api_url=None, account_type=None)
        return Hosts.of(replace(plain, enterprise_url=others))

    def is_trusted(self, url: object) -> bool:
        """Return whether the token and the prompts may be sent to this address, which a token names.

        It has to be https on GitHub's Copilot domain or on the configured enterprise, or the very host and
        port that the operator configured for GitHub's API (a simulator, a private upstream).
        """
        try:
            parts, own = urlsplit(str(url)), urlsplit(self.api)
        except ValueError:
            return False
        if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
        domains = [COPILOT_DOMAIN, f".{self.enterprise}"] if self.enterprise else [COPILOT_DOMAIN]
        host = parts.netloc.lower()
        named = parts.scheme == "https" and HOST.fullmatch(host)
        return bool(named) and any(host.endswith(domain) for domain in domains)

    def choose(self, *named: object) -> str:
        """Copilot's address: the operator's, else the first trusted one that a token names."""
        if self.operator_set:
            return self.copilot
        return next((str(url).rstrip("/") for url in named if self.is_trusted(url)), self.copilot)

    def choose_completions(self, named: object) -> str:
        """Return the address of code completion, if a token names one that can be trusted; "" if not."""
        return str(named).rstrip("/") if self.is_trusted(named) else ""
