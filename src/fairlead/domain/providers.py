"""Providers: who else can say who somebody is, and what they said.

`issuer` names a provider for good: accounts there are remembered by it. The names people see may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

GITHUB_ISSUER: Final = "https://github.com"
GOOGLE_ISSUER: Final = "https://accounts.google.com"


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """A provider, and as whom we ask it. `issuer` of OpenID Connect; GitHub, which is none, is known by its own."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def is_github(self) -> bool:
        """Whether it speaks GitHub's OAuth in place of OpenID Connect."""
        return self.issuer == GITHUB_ISSUER


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider; `email` only where the provider has verified that it is theirs."""

    issuer: str
    subject: str
    name: str | None
    email: str | None
