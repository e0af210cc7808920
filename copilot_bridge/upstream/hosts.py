"""Which hosts an account's requests go to, and which host a token may send us to."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from copilot_bridge.config import Config

COPILOT_DOMAIN = ".githubcopilot.com"

# A name and nothing else: no port, no user, and no character that some parsers take for an end.
HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


@dataclass(frozen=True)
class Hosts:
    """Base addresses without a trailing slash.

    :param copilot: where Copilot's API is as long as no token says otherwise.
    :param pinned: the operator named Copilot's address or plan; a token's word does not change it.
    """

    github: str
    api: str
    copilot: str
    enterprise: str | None = None
    pinned: bool = False

    @classmethod
    def of(cls, config: Config) -> "Hosts":
        tenant = config.enterprise_url
        usual = (
            (f"https://{tenant}", f"https://api.{tenant}", f"https://copilot-api.{tenant}")
            if tenant
            else ("https://github.com", "https://api.github.com", "https://api.githubcopilot.com")
        )
        plan = config.account_type and f"https://api.{config.account_type}{COPILOT_DOMAIN}"
        return cls(
            github=config.github_url or usual[0],
            api=config.github_api_url or usual[1],
            copilot=config.copilot_api_url or plan or usual[2],
            enterprise=tenant,
            pinned=bool(config.copilot_api_url or plan),
        )

    def of_login(self, api: str, config: Config) -> "Hosts":
        """Those of a stored login, which may belong to another GitHub than the configured one."""
        if api == self.api:
            return self
        tenant = urlsplit(api).netloc.removeprefix("api.")
        others = None if tenant == "github.com" else tenant
        plain = replace(config, github_url=None, github_api_url=None, copilot_api_url=None, account_type=None)
        return Hosts.of(replace(plain, enterprise_url=others))

    def believes(self, url: object) -> bool:
        """Whether a token may send us, and with us the token and every prompt, to this address.

        https on GitHub's Copilot domain or on the configured enterprise; else only the very host and
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
        return bool(named) and any(host.endswith(each) for each in domains)

    def choose(self, *told: object) -> str:
        """Copilot's address: the operator's word, else the first that can be believed, else the usual."""
        if self.pinned:
            return self.copilot
        return next((str(url).rstrip("/") for url in told if self.believes(url)), self.copilot)
