from __future__ import annotations

import orjson
import pytest
import structlog

from fairlead.observability import log


def test_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs for machines are one JSON object a line on standard error, with level and time; standard output is clean."""
    log.configure(log_format="json")
    structlog.get_logger().info("something", item_id="x", text="two\nlines")
    captured = capsys.readouterr()
    (line,) = [orjson.loads(text) for text in captured.err.splitlines()]

    assert captured.out == ""
    assert (line["event"], line["level"], line["item_id"], line["text"]) == ("something", "info", "x", "two\nlines")
    assert line["timestamp"].endswith("Z")


def test_exceptions_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is logged has its traceback in the same line."""
    log.configure(log_format="json")
    structlog.get_logger().error("failed", exc_info=ValueError("a defect"))
    (line,) = capsys.readouterr().err.splitlines()

    assert "ValueError: a defect" in orjson.loads(line)["exception"]


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(capsys: pytest.CaptureFixture[str], level: str, shown: int) -> None:
    """Only what is at least as urgent as the level is written."""
    log.configure(level=level, log_format="json")
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("something")

    assert len(capsys.readouterr().err.splitlines()) == shown


@pytest.mark.parametrize("log_format", ["auto", "json"])
def test_without_a_terminal_it_is_json(capsys: pytest.CaptureFixture[str], log_format: log.LogFormat) -> None:
    """Unless a person looks on, `auto` is JSON."""
    log.configure(log_format=log_format)
    structlog.get_logger().info("something")

    assert capsys.readouterr().err.startswith("{")


def test_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """`text` is for people."""
    log.configure(log_format="text")
    structlog.get_logger().info("something")

    assert not capsys.readouterr().err.startswith("{")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_local_variable_is_shown(capsys: pytest.CaptureFixture[str], log_format: log.LogFormat) -> None:
    """A traceback names lines and never what a variable held, which may be a secret."""
    log.configure(log_format=log_format)
    _fail(token="fls_nevershown")

    said = capsys.readouterr().err
    assert "ValueError: invalid literal" in said
    assert "nevershown" not in said


def _fail(*, token: str) -> None:
    try:
        int(token[:3])
    except ValueError:
        structlog.get_logger().exception("failed")
