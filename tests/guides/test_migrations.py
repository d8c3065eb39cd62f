from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import psycopg
from tests.fixtures.processes import completed, environment_of
from tests.fixtures.shops import ShopCopy, shop

from fairlead.toolkit.shadow import scratch

__all__ = ["shop"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "migrations.md"


def _blocks(language: str) -> Iterator[str]:
    return (found[1] for found in re.finditer(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


def _edit(block: str) -> tuple[str, str]:
    """What a diff takes away and what it puts there, with the lines around."""
    lines = block.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    return old, new


def _commands(block: str) -> Iterator[tuple[str, int, list[str]]]:
    """The commands of a block, with the exit code each has to have and the lines it has to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip().splitlines()
        code = re.search(r"# exits with (\d)", command)
        yield command, int(code[1]) if code else 0, shown


def test_the_walk_is_as_the_page_tells_it(shop: ShopCopy, server_url: str, tmp_path: Path) -> None:
    """Whoever does what the page says, in a copy of the example, sees what the page shows."""
    shop.edit(*map(_edit, _blocks("diff")))
    ran = 0
    with scratch(server_url) as url:
        environment = environment_of(tmp_path, url)
        for block in _blocks("console"):
            for command, code, shown in _commands(block):
                program, *arguments = shlex.split(command, comments=True)
                assert program == "fairlead"
                done = completed(*arguments, environment=environment, directory=shop.directory, seconds=300)
                said = done.stdout + done.stderr
                assert done.returncode == code, f"{command}: {said}"
                assert [line for line in shown if line not in said] == [], said
                ran += 1
        with psycopg.connect(url) as connection:
            assert connection.execute("select version_num from shop_migrations").fetchall() == [
                ("20261125_first_tables",)
            ]
    assert ran >= 7


def test_the_section_is_the_examples() -> None:
    """The section that the page shows is the one of the example, comments left out."""
    [shown] = _blocks("toml")
    plain = re.sub(r" +#.*", "", shown).strip()
    assert plain in (PAGE.parents[2] / "examples" / "shop" / "pyproject.toml").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    """Every link of the page leads to a file of the project."""
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
