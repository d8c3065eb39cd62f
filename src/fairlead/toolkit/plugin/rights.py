"""The SQL of who may do what: policies, grants, default privileges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.catalogue import Kind, Thing
from fairlead.toolkit.naming import NAME, quoted
from fairlead.toolkit.plugin import settings

# What PostgreSQL lets everybody do until it is taken away.
_USUAL: Final = {
    "function": ["execute"],
    "procedure": ["execute"],
    "type": ["usage"],
    "domain": ["usage"],
    "functions": ["execute"],
    "types": ["usage"],
}


def policy_made(thing: Thing) -> Iterator[str]:
    """Yield what creates the policy."""
    facts = thing.facts
    parts = [f"create policy {quoted(thing.name)} on {thing.relation}"]
    parts += ["as restrictive"] if facts.get("restrictive") else []
    parts += [f"for {facts['command']}"] if facts["command"] != "all" else []
    parts += [f"to {', '.join(map(_role, facts['roles']))}"] if facts["roles"] != ["public"] else []
    parts += [f"using {settings.enclosed(facts['using'])}"] if facts.get("using") else []
    parts += [f"with check {settings.enclosed(facts['with check'])}"] if facts.get("with check") else []
    yield " ".join(parts)


def granted(thing: Thing) -> Iterator[str]:
    """Yield what gives the rights, where nobody was given or refused anything before."""
    yield from grant_altered(_usual(thing), thing)


def revoked(thing: Thing) -> Iterator[str]:
    """Yield what takes the rights away, or gives back what was taken from everybody."""
    yield from grant_altered(thing, _usual(thing))


def grant_altered(before: Thing, after: Thing) -> Iterator[str]:
    """Yield what turns some rights into others."""
    was, now = _levels(before), _levels(after)
    role, prefix = _role(after.facts["grantee"]), _prefix(after)
    if taken := sorted(was.keys() - now.keys()):
        yield f"{prefix}revoke {_what(after, taken)} from {role}"
    if options := sorted(right for right in was.keys() & now.keys() if was[right] and not now[right]):
        yield f"{prefix}revoke grant option for {_what(after, options)} from {role}"
    for grantable, option in ((False, ""), (True, " with grant option")):
        if given := sorted(right for right in now if now[right] is grantable and was.get(right, -1) < now[right]):
            yield f"{prefix}grant {_what(after, given)} to {role}{option}"


def _levels(thing: Thing) -> dict[str, bool]:
    grantable = set(thing.facts.get("grantable", []))
    return {right: right in grantable for right in thing.facts["privileges"]}


def _usual(thing: Thing) -> Thing:
    usual: list[str] = thing.facts.get("usual", [])
    if thing.facts["grantee"] == "public" and (thing.kind is Kind.GRANT or not thing.key.schema):
        usual = _USUAL.get(thing.facts["object"].partition(" ")[0], [])
    facts = {fact: value for fact, value in thing.facts.items() if fact != "grantable"}
    return Thing(thing.key, {**facts, "privileges": usual})


def _prefix(thing: Thing) -> str:
    if thing.kind is Kind.GRANT:
        return ""
    maker = thing.facts.get("made by")
    by = f" for role {quoted(maker)}" if maker else ""
    place = f" in schema {quoted(thing.key.schema)}" if thing.key.schema else ""
    return f"alter default privileges{by}{place} "


def _what(thing: Thing, rights: list[str]) -> str:
    title = thing.facts["object"]
    if column := _COLUMN.fullmatch(title):
        relation, name = column.groups()
        return f"{', '.join(f'{right} ({name})' for right in rights)} on {relation}"
    return f"{', '.join(rights)} on {title.removeprefix('table ')}"


_COLUMN: Final = re.compile(rf"column (.+)\.({NAME})")


def _role(name: str) -> str:
    return name if name in {"public", "current_user"} else quoted(name)
