"""Shifts what Python says of the time of day by CHAOS_SKEW_SECONDS; imported by every process that finds it.

For where there is no libfaketime: `time.time`, `time.time_ns`, `datetime.now`, `utcnow` and `today` are shifted; the
monotonic clock, C code and the database are not.
"""

from __future__ import annotations

import datetime as dt
import os
import time

_SECONDS = float(os.environ.get("CHAOS_SKEW_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns
_Datetime = dt.datetime


class _Kind(type):
    """Lets every datetime pass for one of the shifted kind."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _Datetime)


class ShiftedDatetime(_Datetime, metaclass=_Kind):
    """A datetime whose present is shifted."""

    __slots__ = ()  # as large as the original, which compiled modules look at

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Datetime:  # type: ignore[override]
        """Return the shifted present."""
        return _Datetime.now(tz) + dt.timedelta(seconds=_SECONDS)

    @classmethod
    def utcnow(cls) -> _Datetime:  # type: ignore[override]
        """Return the shifted present in UTC, without a zone."""
        return _Datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=_SECONDS)

    @classmethod
    def today(cls) -> _Datetime:  # type: ignore[override]
        """Return the shifted present in local time."""
        return cls.now()


if _SECONDS:
    time.time = lambda: _time() + _SECONDS
    time.time_ns = lambda: _time_ns() + int(_SECONDS * 1_000_000_000)
    dt.datetime = ShiftedDatetime  # type: ignore[misc]
