from __future__ import annotations

from pathlib import PurePosixPath

from tests.architecture.source_tree import ROOT, insist, suite

EXCEPTIONS = {
    "tests/api/test_outage.py": "takes the database away from every route",
    "tests/engine/test_golden.py": "compares the golden SQL of all verbs",
    "tests/services/test_key_rotation.py": "the rules of one function of services/api_keys.py, which are many",
    "tests/schema/test_catalogue.py": "asks the catalogue about all tables",
    "tests/schema/test_seed.py": "holds the seed's facts against all tables",
}


def test_tests_stand_where_their_module_stands() -> None:
    """In the folder of a layer tests/<path>/test_<module>.py belongs to src/fairlead/<path>/<module>.py."""
    layers = {path.name for path in (ROOT / "src" / "fairlead").iterdir() if path.is_dir()}
    astray = [
        source.path
        for source in suite()
        if (path := PurePosixPath(source.path)).name.startswith("test_")
        and (len(path.parts) == 2 or path.parts[1] in layers)
        and not _module_of(path)
    ]
    insist(
        [path for path in astray if path not in EXCEPTIONS],
        "Name these after the module they test (or list them here with the reason); "
        "what is about no one module has a folder of its own, such as tests/races.",
    )
    insist(EXCEPTIONS.keys() - set(astray), "These exceptions are not needed any more; take them out.")


def _module_of(path: PurePosixPath) -> bool:
    module = ROOT.joinpath("src", "fairlead", *path.parts[1:-1], path.stem.removeprefix("test_"))
    return module.with_suffix(".py").is_file() or module.is_dir()
