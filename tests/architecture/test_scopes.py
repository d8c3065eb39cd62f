from __future__ import annotations

import ast

from tests.architecture.source_tree import calls, insist, product

SCOPES = {"TenantScope", "SystemScope"}


def test_only_tenancy_makes_scopes() -> None:
    """A scope is a value that cannot be faked: one module makes it, where somebody's right was checked."""
    places = [
        (source.path, source.at(call))
        for source in product()
        for call in calls(source)
        if getattr(call.func, "id", getattr(call.func, "attr", "")) in SCOPES
    ]
    assert "src/fairlead/db/tenancy.py" in {path for path, _ in places}
    insist(
        [place for path, place in places if path != "src/fairlead/db/tenancy.py"],
        "Do not construct a scope: take it as an argument, or at the edge call tenancy.tenant() or tenancy.system().",
    )


def test_no_scope_is_changed_into_another() -> None:
    """Copying a scope with another organization would fake one just as well."""
    insist(
        [
            source.at(call)
            for source in product()
            for call in calls(source)
            if isinstance(call.func, ast.Name | ast.Attribute)
            and getattr(call.func, "id", getattr(call.func, "attr", "")) in {"replace", "__replace__"}
            and any(keyword.arg in {"organization_id", "role"} for keyword in call.keywords)
        ],
        "Do not copy a scope with another organization or role: ask tenancy.tenant() for the one you may have.",
    )
