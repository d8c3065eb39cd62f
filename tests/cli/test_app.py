from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import orjson
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from fairlead.cli.app import app, main


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


@pytest.mark.parametrize("arguments", [["db", "generate"], ["db", "migrate", "--nonsense"], ["db", "nonsense"]])
def test_wrong_usage_with_json(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json wrong usage is one JSON object like every error, and exits with 2 all the same."""
    monkeypatch.setattr(sys, "argv", ["fairlead", *arguments, "--json"])

    with pytest.raises(SystemExit) as ended:
        main()

    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert {"code", "error", "details"} == orjson.loads(told.err).keys()
    assert orjson.loads(told.err)["code"] == "WRONG_USAGE"


@pytest.mark.parametrize("name", ["generate", "status", "check"])
def test_help_shows_what_is_in_brackets(name: str) -> None:
    """The section of pyproject.toml that a help text names is to be read there."""
    assert "[tool.fairlead.db]" in CliRunner().invoke(app, ["db", name, "--help"]).output


def test_only_what_serves_the_api_waits_for_its_import() -> None:
    """The API takes as long to import as everything else: no command that does not serve it waits for that."""
    told = "import fairlead.cli.app, sys; print([name for name in sys.modules if name.startswith('fairlead.api')])"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
