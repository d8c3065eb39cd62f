"""Where a command of `fairlead db` works: on which target, which database, and where throw-away databases are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from fairlead.bootstrap import database_server, direct_url, shadow_server
from fairlead.cli.running import loaded
from fairlead.db.connect import driver_url
from fairlead.db.migrating.failures import permitted
from fairlead.toolkit.target import Target, load_target

TargetName = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help=r"Which schema: by default what \[tool.fairlead.db] of pyproject.toml names; 'fairlead': Fairlead's own.",
    ),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A target and the database it is applied to."""

    target: Target
    url: str = field(repr=False)


def chosen_target(name: str = "") -> Target:
    """Return the target of the working directory; raises TargetInvalid."""
    return load_target(Path.cwd(), name=name)


@contextmanager
def place(target_name: str = "") -> Iterator[Place]:
    """Give the target and its database, past a pooler; the embedded server runs for as long as it is needed.

    Raises SettingsInvalid for what is no URL of PostgreSQL, before anything is asked there.
    """
    target, settings = chosen_target(target_name), loaded()
    with permitted(), database_server(settings) as url:
        direct = direct_url(settings, url)
        driver_url(direct)
        yield Place(target, direct)


@contextmanager
def workshop() -> Iterator[str]:
    """Give the URL of a server where throw-away databases can be made (`toolkit/shadow.py`)."""
    with permitted(), shadow_server(loaded()) as url:
        yield url


def near(path: Path) -> Path:
    """Return the path as it is found from the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
