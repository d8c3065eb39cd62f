from __future__ import annotations

import os
import threading

import anyio
import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.fixtures.signing import QUICK

from fairlead.errors import Busy, ValidationFailed
from fairlead.services.passwords import Passwords, refuse_weak

pytestmark = pytest.mark.anyio


async def test_passwords_are_hashed_as_they_should_be() -> None:
    """Argon2id with 19 MiB and two rounds, a salt each time; the right password and no other fits."""
    passwords = Passwords()
    first, second = [await passwords.hashed("correct horse") for _ in range(2)]
    parameters = extract_parameters(first)
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19 * 1024, 2)
    assert first != second
    assert (await passwords.check("correct horse", against=first)) == (True, None)
    assert not (await passwords.check("correct horsf", against=first)).right
    passwords.close()


async def test_nobodys_password_is_checked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no account the same work is done, and no password is right, not even that of nobody."""
    verified: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, kept: str, password: str) -> bool:
        verified.append(kept)
        return verify(self, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    for password in ("anything", "the password of nobody"):
        assert not (await QUICK.check(password, against=None)).right
    assert len(verified) == 2
    assert extract_parameters(verified[0]) == extract_parameters(await QUICK.hashed("another"))


@pytest.mark.parametrize("kept", ["", "junk", "$argon2id$v=19$m=8,t=1,p=1$x$y", "$2b$12$" + "x" * 53])
async def test_a_hash_that_is_none_fits_nothing(kept: str) -> None:
    """Whatever stands in the database, a sign-in is refused, not broken."""
    assert not (await QUICK.check("anything", against=kept)).right


async def test_never_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many at once only as many are hashed as there are cores; beyond some hundreds one is told to come again."""
    passwords, running, most, lock = Passwords(quick=True), 0, 0, threading.Lock()
    hold = threading.Event()

    def slow(_self: PasswordHasher, _password: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        hold.wait(5)
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(PasswordHasher, "hash", slow)
    busy = 0

    async def one() -> None:
        nonlocal busy
        try:
            await passwords.hashed("x")
        except Busy:
            busy += 1
            hold.set()

    async with anyio.create_task_group() as tasks:
        for _ in range(205):
            tasks.start_soon(one)
    assert most == os.cpu_count()
    assert busy == 5
    passwords.close()


@pytest.mark.parametrize("common", ["password", "Trustno1", "12345678", "qwertyuiop"])
def test_common_passwords_are_refused(common: str) -> None:
    """The list that is delivered has the passwords that everybody tries first."""
    with pytest.raises(ValidationFailed, match="tried first"):
        refuse_weak(common)
