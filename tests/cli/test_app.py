from __future__ import annotations

from importlib.metadata import version

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from fairlead.cli.app import app


def _commands() -> list[list[str]]:
    """Return every command's path, the groups among them."""
    paths: list[list[str]] = []

    def walk(command: object, path: list[str]) -> None:
        paths.append(path)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, [*path, name])

    walk(get_command(app), [])
    return paths


@pytest.mark.parametrize("path", _commands(), ids=" ".join)
def test_every_command_explains_itself(path: list[str]) -> None:
    """`--help` works everywhere, and says what the command is for."""
    done = CliRunner().invoke(app, [*path, "--help"])

    assert done.exit_code == 0
    assert "Usage:" in done.output
    assert len(done.output.splitlines()) > 4


def test_the_version() -> None:
    """`--version` prints the version."""
    assert CliRunner().invoke(app, ["--version"]).output == f"fairlead {version('fairlead')}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["worker"], ["worker", "a:b", "--concurrency", "0"], ["org"]])
def test_wrong_usage(arguments: list[str]) -> None:
    """Wrong usage exits with 2 and shows how it is meant."""
    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 2
    assert "Usage:" in done.output
    assert isinstance(app, typer.Typer)
