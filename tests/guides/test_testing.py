from __future__ import annotations

import re
from pathlib import Path

from tests.fixtures.projects import Project, passed, project
from tools.guide import blocks

__all__ = ["project"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "testing.md"


def test_the_guides_files_are_a_project_that_passes(project: Project) -> None:
    """Whoever copies the guide's files into a directory and runs pytest there sees every test pass."""
    files: dict[str, str] = {}
    for block in blocks(PAGE):
        title, _, code = block.code.partition("\n")
        named = re.fullmatch(r"# (\w+\.py)", title)
        assert named, f"{PAGE}:{block.line}: does not say which file it is"
        assert named[1] not in files
        files[named[1]] = code
    for name, code in files.items():
        project.write(name, code)
    tests = sum(len(re.findall(r"^async def test_", code, re.MULTILINE)) for code in files.values())
    assert passed(project.test()) == tests > 0
    assert project.left_behind() == []
