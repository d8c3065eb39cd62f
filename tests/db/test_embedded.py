from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from tests.fixtures.waiting import until_in_thread

from fairlead.db import embedded, embedded_account, embedded_locks, embedded_process, embedded_programs
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.embedded_files import Layout
from fairlead.db.embedded_process import Answer
from fairlead.errors import EmbeddedDatabaseFailed

IS_ROOT = os.geteuid() == 0
NOBODY = 65534

# Opens the server, says its URL, and closes it when told to.
HOLDER = """
import sys
from pathlib import Path
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
server = EmbeddedServer.open(EmbeddedOptions(Path(sys.argv[1])))
print("URL", server.superuser_url, flush=True)
sys.stdin.readline()
server.close()
"""

# Gives up root only after the imports: the interpreter itself may lie where nobody else can read it.
NORMAL_USER = """
import os, resource, sys
from pathlib import Path
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
import psycopg
from fairlead.errors import EmbeddedDatabaseFailed
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    with EmbeddedServer.open(EmbeddedOptions(Path(sys.argv[1]))) as server, psycopg.connect(server.url) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0], Path(sys.argv[1], "postgresql").stat().st_uid)
except EmbeddedDatabaseFailed as error:
    print("FAILED", error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a new directory with a short name, because a socket's path has to be short."""
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    yield path
    for pid_file in path.glob("**/postgresql/postmaster.pid"):
        embedded_process.signal_server(Layout(pid_file.parents[1]), number=signal.SIGQUIT)
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """Make one data directory that is up to date and not running."""
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    _open(path / "d").close()
    yield path / "d"
    shutil.rmtree(path)


@pytest.fixture
def data_dir(original: Path) -> Iterator[Path]:
    """Give the data directory that is not running; what a test leaves running is ended."""
    yield original
    if _is_running(original):
        embedded_process.signal_server(Layout(original), number=signal.SIGQUIT)
        until_in_thread(lambda: not _is_running(original), what="the server has ended")


@pytest.fixture
def copied(folder: Path, original: Path) -> Path:
    """Give a copy of that directory, for a test that damages it. Copying takes longer than starting."""
    return _copy(original, folder / "d")


@pytest.fixture(scope="module")
def running(original: Path) -> Iterator[tuple[EmbeddedServer, Path]]:
    """Give one running server, whose own configuration files disagree with us, and its data directory."""
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    data_dir = _copy(original, path / "d")
    with (data_dir / "postgresql" / "postgresql.auto.conf").open("a") as file:
        file.write("fsync = off\nlisten_addresses = '*'\nTimeZone = 'Asia/Tokyo'\n")
    with _open(data_dir) as server:
        yield server, data_dir
    shutil.rmtree(path)


def _copy(original: Path, copy: Path) -> Path:
    subprocess.run(["/bin/cp", "-a", original, copy], check=True)
    copy.parent.chmod(0o711)  # the server's account may pass here, as it may above the original
    return copy


def _open(data_dir: Path, *, seconds: float = 20) -> EmbeddedServer:
    return EmbeddedServer.open(EmbeddedOptions(data_dir, start_timeout_seconds=seconds))


def _fails(data_dir: Path, *, seconds: float = 20) -> str:
    with pytest.raises(EmbeddedDatabaseFailed) as caught:
        _open(data_dir, seconds=seconds)
    return str(caught.value)


def _query(url: str, query: str) -> tuple[object, ...]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return tuple(row)


def _execute(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement.encode())


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgresql" / "postmaster.pid").read_text().split("\n", 1)[0])


def _is_running(data_dir: Path) -> bool:
    return not embedded_locks.is_free(Layout(data_dir), "lifetime")


@contextmanager
def _holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", HOLDER, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _url(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout is not None
    return next(line.split()[1] for line in holder.stdout if line.startswith("URL "))


def _leave(holder: subprocess.Popen[str]) -> None:
    holder.communicate("close\n", timeout=20)
    assert holder.returncode == 0


def _orphan(data_dir: Path) -> int:
    """Leave a server running whose only user was killed, and return its process number."""
    with _holder(data_dir) as holder:
        _url(holder)
        holder.kill()
        holder.wait()
    return _postmaster(data_dir)


def _as_normal_user(data_dir: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", "-c", NORMAL_USER, str(data_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _always(answer: Answer) -> Callable[..., Answer]:
    return lambda *_arguments, **_options: answer


def test_data_outlives_close(data_dir: Path) -> None:
    """What was committed before close is there after the next open."""
    with _open(data_dir) as server:
        _execute(server.url, "CREATE TABLE public.kept AS SELECT 42 AS value")
    assert not _is_running(data_dir)
    with _open(data_dir) as server:
        assert _query(server.url, "SELECT value FROM public.kept") == (42,)


def test_first_open_makes_role_and_database(running: tuple[EmbeddedServer, Path]) -> None:
    """The first open makes a login role that owns the database fairlead and may make roles, and no more."""
    server, _ = running
    role = _query(
        server.superuser_url,
        "SELECT rolcanlogin, rolcreaterole, rolsuper, rolcreatedb, rolbypassrls, rolreplication "
        "FROM pg_roles WHERE rolname = 'fairlead'",
    )
    database = _query(
        server.superuser_url,
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider::text, datlocale "
        "FROM pg_database WHERE datname = current_database()",
    )
    _execute(server.url, "CREATE SCHEMA work; CREATE TABLE work.item (); CREATE ROLE app; GRANT app TO fairlead")
    assert role == (True, True, False, False, False, False)
    assert database == ("fairlead", "UTF8", "b", "C.UTF-8")
    assert _query(server.superuser_url, "SELECT current_user, current_database()") == ("postgres", "fairlead")


def test_server_is_durable(running: tuple[EmbeddedServer, Path]) -> None:
    """The server is durable, checks its pages and keeps UTC, though its configuration files say otherwise."""
    names = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "TimeZone", "listen_addresses")
    settings = ", ".join(f"current_setting({name!r})" for name in names)
    assert _query(running[0].superuser_url, f"SELECT {settings}") == ("on", "on", "on", "on", "UTC", "")


def test_two_processes_share_one_server(folder: Path) -> None:
    """Two processes that open an empty directory at once share one server, and the last to leave stops it."""
    data_dir, started = folder / "d", "SELECT pg_postmaster_start_time()"
    with _holder(data_dir) as first, _holder(data_dir) as second:
        urls = _url(first), _url(second)
        assert _query(urls[0], started) == _query(urls[1], started)
        _leave(first)
        assert _query(urls[1], "SELECT 1") == (1,)
        _leave(second)
    assert not _is_running(data_dir)


def test_claims_in_one_process_are_counted(data_dir: Path) -> None:
    """Two claims of one process keep the server until both are closed, and closing twice counts once."""
    first, second = _open(data_dir), _open(data_dir)
    first.close()
    first.close()
    assert _query(second.url, "SELECT 1") == (1,)
    second.close()
    assert not _is_running(data_dir)


def test_orphan_is_adopted(data_dir: Path) -> None:
    """A server whose user was killed keeps running and is adopted by the next open, quickly."""
    orphan = _orphan(data_dir)
    began = time.monotonic()
    with _open(data_dir) as server:
        assert time.monotonic() - began < 1  # about 10 ms; the rest is for a busy machine
        assert _postmaster(data_dir) == orphan
        assert _query(server.url, "SELECT 1") == (1,)
    assert not _is_running(data_dir)


def test_killed_server_recovers(data_dir: Path) -> None:
    """After the server itself was killed the next open recovers everything that was committed."""
    with _open(data_dir) as before:
        _execute(before.url, "CREATE TABLE public.recovered AS SELECT 42 AS value")
        killed = _postmaster(data_dir)
        os.kill(killed, signal.SIGKILL)
        with _open(data_dir) as server:
            assert _postmaster(data_dir) != killed
            assert _query(server.url, "SELECT value FROM public.recovered") == (42,)


def test_pid_of_another_program_is_not_believed(copied: Path) -> None:
    """When another program has the number of a dead server it is left alone, and the server starts."""
    with _open(copied):
        files = {path: path.read_text() for path in (copied / "postgresql/postmaster.pid", *_locks(copied))}
    user = NOBODY if IS_ROOT else None
    with subprocess.Popen(["/bin/sleep", "60"], user=user, group=user, extra_groups=[] if IS_ROOT else None) as other:
        try:
            for path, content in files.items():
                path.write_text(f"{other.pid}\n" + content.split("\n", 1)[1])
            with _open(copied) as server:
                assert _query(server.url, "SELECT 1") == (1,)
            assert other.poll() is None
        finally:
            other.kill()


def _locks(data_dir: Path) -> list[Path]:
    return list((data_dir / "run").glob(".s.*.lock"))


def test_hung_orphan_is_replaced(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs but does not answer is ended and started anew."""
    orphan, await_answer, patience = _orphan(data_dir), embedded._await_answer, iter([1.0])
    os.kill(orphan, signal.SIGSTOP)

    def impatient_at_first(layout: Layout, url: str, *, seconds: float) -> Answer | None:
        return await_answer(layout, url, seconds=next(patience, seconds))

    monkeypatch.setattr(embedded, "_await_answer", impatient_at_first)
    with _open(data_dir) as server:
        assert _postmaster(data_dir) != orphan
        assert _query(server.url, "SELECT 1") == (1,)


def test_terminal_does_not_reach_server(running: tuple[EmbeddedServer, Path]) -> None:
    """The server has a session of its own, so Ctrl-C in a terminal does not end it."""
    assert os.getsid(_postmaster(running[1])) != os.getsid(0)


def test_environment_does_not_reach_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables meant for other PostgreSQL programs change neither the server nor its URLs."""
    for name, value in {"PGPORT": "6543", "PGHOST": "example.com", "PGDATA": "/nowhere", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with _open(data_dir) as server:
        assert _query(server.url, "SELECT current_user") == ("fairlead",)


def test_no_tcp_and_no_trust(running: tuple[EmbeddedServer, Path]) -> None:
    """The server has no TCP port, and refuses a wrong password and no password."""
    server, data_dir = running
    sockets = {str(link.readlink()) for link in Path(f"/proc/{_postmaster(data_dir)}/fd").iterdir()}
    tcp = [line.split()[9] for name in ("tcp", "tcp6") for line in _lines(Path("/proc/net", name))]
    assert not sockets & {f"socket:[{inode}]" for inode in tcp}
    password = server.url.split(":")[2].split("@")[0]
    for wrong in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace(password, wrong))
    rules = [line.split()[-1] for line in _lines(data_dir / "postgresql/pg_hba.conf") if line.strip()]
    assert set(rules) == {"scram-sha-256"}


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines() if not line.startswith(("#", "  sl"))]


def test_secrets_are_private(running: tuple[EmbeddedServer, Path]) -> None:
    """Only this user may read the passwords, and only the server's account its data and its socket."""
    data_dir = running[1]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data_dir.iterdir()}
    (socket,) = (path for path in (data_dir / "run").iterdir() if path.is_socket())
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert (modes["postgresql.passwords"], modes["postgresql.log"]) == (0o600, 0o600)
    assert (modes["postgresql"], modes["run"]) == (0o700, 0o700)
    assert not (data_dir / "postgresql.new").exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root opens directories to another account")
def test_root_opens_no_more_than_needed(copied: Path) -> None:
    """As root the server is another account's, which may pass through the directories above and not list them."""
    above, beside = copied.parent, copied.parent / "beside"
    beside.mkdir(mode=0o700)
    above.chmod(0o700)
    copied.chmod(0o700)
    with _open(copied) as server:
        assert _query(server.url, "SELECT 1") == (1,)
    assert (copied / "postgresql").stat().st_uid != 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in (above, copied, beside)] == [0o701, 0o701, 0o700]


def test_programs_become_readable(folder: Path) -> None:
    """Programs installed for root alone become readable for the server's account, and runnable if they were."""
    (folder / "bin").mkdir(mode=0o700)
    for name, mode in {"program": 0o700, "data": 0o600, "open": 0o644}.items():
        (folder / "bin" / name).touch()
        (folder / "bin" / name).chmod(mode)
    embedded_account.let_read(embedded_account.Account(uid=54321, gid=54321), [folder / "bin"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes == {"bin": 0o705, "program": 0o705, "data": 0o604, "open": 0o644}


def test_normal_user(folder: Path) -> None:
    """A user who is not root runs the server as itself."""
    folder.chmod(0o777)
    user = NOBODY if IS_ROOT else os.getuid()
    assert _as_normal_user(folder / "d") == f"fairlead {user}"
    assert (folder / "d").stat().st_uid == user


def test_strange_path(folder: Path) -> None:
    """Spaces, percent signs and other marks in the path work, with psycopg and with SQLAlchemy."""
    with _open(folder / "a b%20c?d&e=f#g+h:i@j'k\"l$(m)") as server:
        assert _query(server.url, "SELECT current_user") == ("fairlead",)
        engine = create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_user")).scalar() == "fairlead"
        engine.dispose()


def test_relative_path_and_symbolic_link(folder: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path and a link mean the same server, and its URL works from anywhere."""
    (folder / "link").symlink_to(data_dir)
    monkeypatch.chdir(data_dir.parent)
    with _open(Path("d")) as first, _open(folder / "link") as second:
        monkeypatch.chdir("/")
        assert first.url == second.url
        assert _query(first.url, "SELECT 1") == (1,)


def test_killed_while_making_the_cluster(folder: Path) -> None:
    """A first start that was killed half-way leaves nothing that hinders the next one."""
    data_dir = folder / "d"
    with _holder(data_dir) as holder:
        until_in_thread((data_dir / "postgresql.new/cluster/PG_VERSION").exists, what="initdb has begun")
        holder.kill()
        holder.wait()
    assert not (data_dir / "postgresql").exists()
    with _open(data_dir) as server:
        assert _query(server.url, "SELECT 1") == (1,)
    assert not (data_dir / "postgresql.new").exists()


def test_too_long_path(folder: Path) -> None:
    """A path too long for a socket is refused by name and length before anything is made."""
    data_dir = folder / ("x" * 100)
    message = _fails(data_dir)
    assert "FAIRLEAD_DATA_DIR" in message
    assert str(len(str(data_dir / "run/.s.PGSQL.5432"))) in message
    assert not data_dir.exists()


def test_path_with_comma(folder: Path) -> None:
    """A comma, which PostgreSQL reads as the end of a directory, is refused before anything is made."""
    assert "without commas" in _fails(folder / "a,b")
    assert not (folder / "a,b").exists()


def test_other_version(folder: Path) -> None:
    """Data of another PostgreSQL version is named and not touched."""
    cluster = folder / "postgresql"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("16\n")
    assert "is of PostgreSQL 16 and this is PostgreSQL 18; nothing was touched" in _fails(folder)
    assert [path.name for path in folder.rglob("*")] == ["postgresql", "PG_VERSION"]


def test_directory_of_somebody_else(folder: Path) -> None:
    """A directory with other files in the place of the cluster is named and not touched."""
    (folder / "postgresql").mkdir()
    (folder / "postgresql" / "diary").write_text("mine")
    assert "is not the data of a PostgreSQL server; nothing was touched" in _fails(folder)
    assert [path.name for path in folder.rglob("*")] == ["postgresql", "diary"]


def test_file_in_place_of_directory(folder: Path) -> None:
    """A file where a directory has to be is named, be it the data directory, above or below it."""
    (folder / "file").write_text("")
    (folder / "d").mkdir()
    (folder / "d" / "postgresql").write_text("")
    for data_dir in (folder / "file", folder / "file" / "d", folder / "d"):
        message = _fails(data_dir)
        assert "there is a file where a directory has to be" in message
        assert "FAIRLEAD_DATA_DIR" in message


def test_directory_that_cannot_be_made() -> None:
    """A data directory that even root cannot make is named with what the system said."""
    message = _fails(Path("/proc/fairlead"))
    assert message.startswith("The embedded PostgreSQL cannot use /proc/fairlead: ")
    assert "FAIRLEAD_DATA_DIR" in message


def test_read_only_directory(folder: Path) -> None:
    """A directory this user may not write to is named, whether or not a data directory is in it."""
    folder.chmod(0o555)
    if IS_ROOT:
        (folder / "made").mkdir()
    else:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o555
    for data_dir in (folder / "d", folder):
        message = _as_normal_user(data_dir)
        assert message.startswith("FAILED The embedded PostgreSQL cannot use ")
        assert "permission denied" in message
    folder.chmod(0o700)


@pytest.mark.skipif(not IS_ROOT, reason="only root can make files of another user")
def test_data_of_another_user(copied: Path) -> None:
    """A normal user is told whose data it is."""
    os.chown(copied / "postgresql", 1, 1)
    assert "belongs to user 1 and this is user 65534" in _as_normal_user(copied)


def test_failed_initdb(folder: Path) -> None:
    """When the cluster cannot be made the program's last words are in the error, and nothing half-made stays."""
    folder.chmod(0o777)
    message = _as_normal_user(folder / "d", str(200_000))
    assert message.startswith("FAILED initdb could not prepare the embedded PostgreSQL")
    assert "It ended with: " in message
    assert "(no output)" not in message
    assert not [path for path in (folder / "d").iterdir() if path.is_dir()]


def test_no_programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a platform without the bundled programs the way out is named, and nothing is made."""
    monkeypatch.setattr(embedded_programs, "_PACKAGE", "no_such_package")
    assert "set FAIRLEAD_DATABASE_URL" in _fails(folder / "d")
    assert not (folder / "d").exists()


def test_programs_are_found() -> None:
    """The bundled programs can be run by their path."""
    done = subprocess.run([embedded.binary("pgbench"), "--version"], capture_output=True, text=True, check=True)
    assert " 18." in done.stdout


def test_server_that_ends_at_once(copied: Path) -> None:
    """A server that ends while it starts is reported with the last lines of its log."""
    with (copied / "postgresql" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    message = _fails(copied)
    assert "ended while it started" in message
    assert "no_such_setting" in message
    assert str(copied / "postgresql.log") in message


def test_server_that_never_answers(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer in time is reported, ended, and no hindrance afterwards."""
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "ask", _always(Answer.SILENT))
        assert "did not answer within 0.1 s" in _fails(data_dir, seconds=0.1)
    assert not _is_running(data_dir)
    with _open(data_dir) as server:
        assert _query(server.url, "SELECT 1") == (1,)


def test_recovering_server_is_left_alone(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is still recovering when time is up keeps running, and a later open adopts it."""
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "ask", _always(Answer.NOT_YET))
        assert "left to finish" in _fails(data_dir, seconds=0.1)
        assert "left to finish" in _fails(data_dir, seconds=0.1)
    left = _postmaster(data_dir)
    with _open(data_dir):
        assert _postmaster(data_dir) == left


def test_lost_passwords(copied: Path) -> None:
    """Without its password file, or with a wrong one, a cluster is not usable and the error says which file."""
    path = copied / "postgresql.passwords"
    path.write_text('{"superuser": "wrong", "application": "wrong"}')
    assert "restore the password file" in _fails(copied)
    assert not _is_running(copied)
    path.write_text("not json")
    assert f"passwords of the embedded PostgreSQL in {path} are missing or damaged" in _fails(copied)
    path.unlink()
    assert f"passwords of the embedded PostgreSQL in {path} are missing or damaged" in _fails(copied)


def test_start_takes_too_long_elsewhere(data_dir: Path) -> None:
    """When another process starts or stops the server for too long, the wait ends with an error."""
    with embedded_locks.locked(Layout(data_dir), "start", seconds=1):
        assert "Another process has been starting or stopping" in _fails(data_dir, seconds=0.1)
