"""What is fetched before each dial, and what becomes of it where it comes late, or not at all."""

from __future__ import annotations

from pushwire.core.effects import Committed, Done, Failed, Token
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused
from tests.core.checks import check_a_late_credential_is_not_used
from tests.core.rig import Rig
from tests.core.toy import Toy


def test_a_late_credential_never_reaches_the_next_dial() -> None:
    check_a_late_credential_is_not_used(Toy)


def test_a_credential_that_comes_after_the_end_is_passed_over() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.stop()
    rig.give_token()
    assert rig.dials == []
    rig.machine.fulfil(Token(9, 99), Done(Secret("x")), rig.now)
    assert rig.machine.take_effects() == []


def test_a_credential_that_cannot_be_had_backs_off() -> None:
    class Two(Toy):
        credentials = ("token", "cookie")

    rig = Rig(Two())
    rig.start()
    token, cookie = (fetch.token for fetch in rig.fetches)
    rig.fetches.clear()
    rig.machine.fulfil(token, Failed(OSError("no route")), rig.now)
    rig.drain()
    assert rig.phase() is Phase.BACKING_OFF
    assert rig.machine.status().last_error == "connection lost: token: no route"
    # The other one comes too late, and belongs to no dial.
    rig.machine.fulfil(cookie, Done(Secret("c")), rig.now)
    rig.drain()
    assert rig.dials == []
    rig.advance(1.0)
    assert [fetch.token.generation for fetch in rig.fetches] == [2, 2]


def test_a_credential_that_its_issuer_refuses_ends_the_session() -> None:
    rig = Rig(Toy())
    rig.start()
    refused = AuthenticationRefused("invalid_client", status=401)
    rig.machine.fulfil(rig.fetches.pop().token, Failed(refused), rig.now)
    rig.drain()
    assert rig.machine.finished
    assert rig.machine.failure is refused


def test_an_answer_that_is_no_credential_backs_off() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.machine.fulfil(rig.fetches.pop().token, Done(Committed()), rig.now)
    rig.drain()
    assert rig.machine.status().last_error == "connection lost: token: no credential"
