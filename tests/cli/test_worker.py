from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.fixtures.processes import ROOT

from fairlead.cli.worker import load_app
from fairlead.errors import HandlerInvalid

BROKEN = {
    "missing": "import nothing_like_that\n",
    "cannot": "from pathlib import NothingLikeThat\n",
    "syntax": "def broken(:\n",
    "attribute": "import pathlib\n\npathlib.nothing_like_that\n",
    "crash": "from fairlead import App\n\napp = App()\n1 / 0\n",
    "twice": "from fairlead import App\n\napp = App()\napp.handler('a')(print)\napp.handler('a')(print)\n",
    "empty": "from fairlead import App\n\napp = App()\n",
    "other": "app = 'not an application'\n",
    "exits": "import sys\n\nsys.exit(0)\n",
    "thread": "import threading\n\nthreading.Thread(target=threading.Event().wait, name='mine').start()\n1 / 0\n",
    "good": "from fairlead import App\n\napp = App()\napp.handler('a')(print)\n",
}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A directory with the modules of users."""
    for name, source in BROKEN.items():
        (tmp_path / f"users_{name}.py").write_text(source)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("users_good", "'users_good' does not name an application; write MODULE:APP"),
        ("users_good:", "does not name an application"),
        (":app", "does not name an application"),
        ("users_nowhere:app", "There is no module 'users_nowhere' to import 'users_nowhere:app' from."),
        ("users_good.deeper:app", "There is no module 'users_good.deeper' to import 'users_good.deeper:app' from."),
        ("users_good:other", "The module 'users_good' has no 'other'."),
        ("users_other:app", "'users_other:app' is a str, not a fairlead.App."),
        ("users_twice:app", "The queue 'a' has two handlers for task None."),
        ("users_missing:app", "ModuleNotFoundError: No module named 'nothing_like_that' ({file}, line 1)"),
        ("users_cannot:app", "ImportError: cannot import name 'NothingLikeThat' from 'pathlib'"),
        ("users_syntax:app", "SyntaxError: invalid syntax (users_syntax.py, line 1)"),
        (
            "users_attribute:app",
            "module 'pathlib' has no attribute 'nothing_like_that' ({file}, line 3)",
        ),
        ("users_crash:app", "ZeroDivisionError: division by zero ({file}, line 4)"),
        (".users_good:app", "cannot be imported: TypeError"),
        ("users_exits:app", "cannot be imported: SystemExit: 0 ({file}, line 3)"),
    ],
)
def test_what_cannot_be_loaded(modules: Path, monkeypatch: pytest.MonkeyPatch, place: str, sentence: str) -> None:
    """An application that cannot be used is refused in one sentence that says what and, in the user's code, where."""
    monkeypatch.syspath_prepend(str(modules))
    name = place.partition(":")[0]
    with pytest.raises(HandlerInvalid) as raised:
        load_app(place)
    sys.modules.pop(name, None)

    assert sentence.format(file=modules / f"{name}.py") in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "write MODULE:APP, such as myapp.jobs:app."),
        (["users_empty:app"], "The application has no handlers; declare one with @app.handler('queue')."),
        (["users_good:app", "--queues", "a,b"], "There is no handler for 'b'; the application handles 'a'."),
        (["users_crash:app"], "The module 'users_crash' cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_run(run: Run, modules: Path, arguments: list[str], sentence: str) -> None:
    """A worker that cannot work says so in one sentence, without a traceback; exit 1."""
    done = run("worker", *arguments, PYTHONPATH=str(modules))

    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")


def test_a_thread_that_does_not_end(run: Run, modules: Path) -> None:
    """A thread that an application began, and that Python would wait for, is named, and the process ends without it."""
    done = run("worker", "users_thread:app", PYTHONPATH=str(modules))

    assert (done.returncode, done.stdout) == (1, "")
    assert "ZeroDivisionError" in done.stderr
    assert "Threads that do not end: mine; ending without them." in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FAIRLEAD_DATABASE_URL", "mysql://host/name"),
        ("FAIRLEAD_DATABASE_URL", "nonsense"),
        ("FAIRLEAD_DATABASE_POOL_SIZE", "none"),
        ("FAIRLEAD_SECRET", "short"),
    ],
)
def test_wrong_settings(run: Run, variable: str, value: str) -> None:
    """A wrong setting is named, and the exit code is 2, before anything is waited for."""
    done = run("worker", "tests.journeys.handlers:app", **{variable: value})

    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


def test_the_working_directory_is_looked_in(run: Run) -> None:
    """A module next to where the command is run is found without any path being set."""
    assert (ROOT / "tests" / "journeys" / "handlers.py").exists()
    done = run("worker", "tests.journeys.handlers:nothing")

    assert "The module 'tests.journeys.handlers' has no 'nothing'." in done.stderr


@pytest.mark.parametrize("queues", [",", "", " , "], ids=["a comma", "nothing", "blanks"])
def test_no_queue_at_all_is_no_choice(run: Run, modules: Path, queues: str) -> None:
    """A choice of queues that names none is wrong usage: a worker with a typing error does not work on all of them."""
    done = run("worker", "users_good:app", "--queues", queues, PYTHONPATH=str(modules))
    assert done.returncode == 2
    assert "names no queue" in done.stderr
