from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from fairlead.errors import TargetInvalid
from fairlead.schema import metadata
from fairlead.toolkit.target import load_target

_MODULE = """
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase

metadata = MetaData()
Table("orders", metadata, Column("id", Integer, primary_key=True))

class Base(DeclarativeBase):
    pass

nothing = 3
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a schema in `shop_models.py` and an empty folder of migrations."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "shop_models.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _write(project: Path, section: str) -> None:
    (project / "pyproject.toml").write_text(f'[project]\nname = "shop"\n[tool.fairlead.db]\n{section}\n')


def test_without_a_section_the_target_is_fairlead(tmp_path: Path) -> None:
    """Where nothing is said, or `fairlead` is asked for, the target is Fairlead's own schema."""
    target = load_target(tmp_path)
    assert (target.name, target.metadata, target.version_table) == ("fairlead", metadata, "fairlead_migrations")
    assert (target.migrations / "versions").is_dir()
    assert load_target(tmp_path, name="fairlead") == target


def test_an_application_names_its_own(project: Path) -> None:
    """The section of the nearest pyproject.toml, also from a folder below, names metadata, migrations and schemas."""
    _write(project, 'metadata = "shop_models:metadata"\nmigrations = "migrations"\nschemas = ["shop"]')
    target = load_target(project / "migrations" / "versions")
    assert (target.name, target.migrations, target.schemas) == ("shop", project / "migrations", ("shop",))
    assert list(target.metadata.tables) == ["orders"]
    assert target.version_table == "alembic_version"
    assert load_target(project, name="fairlead").metadata is metadata
    assert load_target(project, name="shop") == target


def test_a_declarative_base_will_do(project: Path) -> None:
    """Naming the declarative base means its metadata."""
    _write(project, 'metadata = "shop_models:Base"\nmigrations = "migrations"')
    assert isinstance(load_target(project).metadata, MetaData)


def test_models_that_raise(project: Path) -> None:
    """Whatever an application's module raises is told in one sentence that names it."""
    (project / "raising_models.py").write_text("settings = {}\nsettings['URL']\n")
    _write(project, 'metadata = "raising_models:metadata"\nmigrations = "migrations"')
    with pytest.raises(TargetInvalid, match="cannot be imported: KeyError: 'URL'"):
        load_target(project)


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ('metadata = "shop_models:metadata"', "cannot be used.*migrations"),
        ('metadata = "shop_models:metadata"\nmigrations = "migrations"\ncolour = "red"', "cannot be used.*colour"),
        ('metadata = "shop_models:metadata"\nmigrations = "alembic"', "no folder .*versions: make it"),
        ('metadata = "nowhere_models:metadata"\nmigrations = "migrations"', "cannot be imported"),
        ('metadata = "shop_models:absent"\nmigrations = "migrations"', "cannot be imported"),
        ('metadata = "shop_models:nothing"\nmigrations = "migrations"', "no MetaData and no declarative base, but a"),
    ],
)
def test_what_is_wrong_is_said(project: Path, section: str, sentence: str) -> None:
    """A section that cannot be used is an error that names the file, the key and what is wrong."""
    _write(project, section)
    with pytest.raises(TargetInvalid, match=sentence):
        load_target(project)


def test_a_name_that_is_not_there(project: Path) -> None:
    """Asking for another target than those two names what can be had."""
    _write(project, 'metadata = "shop_models:metadata"\nmigrations = "migrations"')
    with pytest.raises(TargetInvalid, match="use 'shop' or 'fairlead'"):
        load_target(project, name="store")
