from __future__ import annotations

from pathlib import PurePosixPath

from tests.architecture.source_tree import classes, insist, product, suite

EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc"}
EMPTY_ENDINGS = ("Service", "Repository", "Manager", "Helper")


def test_no_file_or_folder_is_a_bag() -> None:
    """A file is named after what is in it; a bag collects what nobody thought about."""
    insist(
        [
            source.path
            for source in (*product(), *suite())
            for part in PurePosixPath(source.path).with_suffix("").parts
            if EMPTY_WORDS & set(part.split("_"))
        ],
        "Name these after the noun or the verb they are about; if there is more than one, make more than one file.",
    )


def test_no_class_is_named_for_being_a_class() -> None:
    """Functions live in modules; a class holds a resource or a lifetime and is named for that."""
    insist(
        [
            f"{source.at(cls)} {cls.name}"
            for source in product()
            for cls in classes(source)
            if cls.name.endswith(EMPTY_ENDINGS)
        ],
        "Make these functions of a module, or name the class for the thing it holds.",
    )
