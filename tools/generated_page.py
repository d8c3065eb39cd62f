"""A page that is generated: written, or compared with the one there is."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class GeneratedPage:
    """`path` from the checkout's root, what should stand there, and the module that is run to write it."""

    path: Path
    expected: Callable[[], str]
    module: str

    def differences(self, root: Path = ROOT) -> list[str]:
        """Return a unified diff, line by line, from the page there is to the page there should be."""
        path = root / self.path
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        there, wanted = present.splitlines(keepends=True), self.expected().splitlines(keepends=True)
        return list(difflib.unified_diff(there, wanted, fromfile=str(self.path), tofile=str(self.path)))

    def write(self, root: Path = ROOT) -> None:
        """Make the page what it should be."""
        (root / self.path).parent.mkdir(parents=True, exist_ok=True)
        (root / self.path).write_text(self.expected(), encoding="utf-8")

    def main(self) -> int:
        """Run as a program: write, or with `--check` print a diff and return 1 when the page is out of date."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description="Write or check the page.")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is out of date")
        if not parser.parse_args().check:
            self.write()
            return 0
        if lines := self.differences():
            sys.stdout.writelines(lines)
            sys.stdout.write(f"\n{self.path} is out of date: run 'make golden'.\n")
            return 1
        return 0
