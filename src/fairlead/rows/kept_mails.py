"""Generated from schema/kept_mails.py by `make golden`; do not edit.

`KeptMail` is one row of `kept_mails` as it is read, `NewKeptMail` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class KeptMail:
    """One mail as its recipient would read it."""

    id: str
    recipient: str
    subject: str
    body: str
    created_at: datetime


class NewKeptMail(TypedDict):
    """What may be given for a new row of `kept_mails`."""

    id: NotRequired[str]
    recipient: str
    subject: str
    body: str
    created_at: NotRequired[datetime]
