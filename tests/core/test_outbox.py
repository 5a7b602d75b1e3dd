from __future__ import annotations

from pushwire.core.effects import Credential, Dial, Fetch, Hangup, Persist, Ping, SecretFrame, Settled, Ticket, Token
from pushwire.core.events import Up
from pushwire.core.outbox import Outbox


def test_what_is_taken_is_taken_once() -> None:
    outbox: Outbox[object, str] = Outbox()
    outbox.effects.append("frame")
    outbox.events.append(Up(1.0, 1))
    outbox.settle(Ticket(1), "reply")
    assert outbox.take_effects() == ["frame"]
    assert outbox.take_events() == [Up(1.0, 1)]
    assert outbox.take_settled() == [Settled(Ticket(1), "reply")]
    assert (outbox.take_effects(), outbox.take_events(), outbox.take_settled()) == ([], [], [])


def test_a_lost_connection_voids_what_was_meant_for_it_and_nothing_else() -> None:
    outbox: Outbox[object, str] = Outbox()
    secret = SecretFrame("auth x", "auth ***")
    persist = Persist(Token(0, 1), (), 5.0)
    fetch = Fetch(Token(2, 2), Credential("token"))
    dial = Dial(2, "wss://toy.test", {}, 1000)
    outbox.effects += ["a", persist, secret, Ping(b""), fetch, Hangup(1000, "", 5.0), dial, "b"]
    assert outbox.void_frames() == ["a", secret, "b"]
    assert outbox.take_effects() == [persist, fetch, dial]
