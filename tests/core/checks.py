"""What must hold whatever the machine. Each check takes a factory: a machine with a planted bug can be shown to fail it."""

from __future__ import annotations

from collections.abc import Callable

from pushwire.core.effects import Close, Done, Settled
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from tests.core.rig import Rig, ready_acks, ready_toy, tx
from tests.core.toy import AckToy, Order, Rules, Toy, Tx

FIVE_MINUTES = 300.0


def check_dials_in_five_minutes(make: Callable[[], Rules], close: Close, *, greeted: bool) -> None:
    """A server that accepts (and greets) and then closes at once is dialled at most 16 times in the first 5 minutes."""
    rig = Rig(make())
    rig.start()
    while rig.now < FIVE_MINUTES and rig.phase() is not Phase.CLOSED:
        if rig.phase() is Phase.BACKING_OFF:
            rig.now = rig.machine.next_deadline()
            rig.timer()
        rig.give_tokens()
        rig.open()
        if greeted:
            rig.say("hello")
        rig.drop(close)
        assert len(rig.dials) < 100, "hammered"
    early = [at for at, _ in rig.dials if at <= FIVE_MINUTES]
    assert len(early) <= 16, f"dialled {len(early)} times"


def check_a_late_credential_is_not_used(make: Callable[[], Toy]) -> None:
    """A credential asked for by an attempt that was given up never reaches the dial of a later one."""
    rig = Rig(make())
    rig.start()
    old = rig.fetches.pop()
    rig.drop(Close(reason="no route", by="transport"))
    rig.advance(rig.machine.next_deadline() - rig.now)
    new = rig.fetches.pop()
    assert old.token.generation < new.token.generation
    rig.machine.fulfil(old.token, Done(Secret("stale")), rig.now)
    rig.drain()
    assert rig.dials == [], "dialled without its own credential"
    rig.machine.fulfil(new.token, Done(Secret("fresh")), rig.now)
    rig.drain()
    ((_, dial),) = rig.dials
    assert dial.headers == {"token": Secret("fresh")}, "dialled with a stale credential"


def check_an_ack_waits_for_its_commit(make: Callable[[], AckToy]) -> None:
    """Not before the commit is done, never after one that failed, and then at once."""
    rig = ready_acks(make())
    rig.say("tx a 1")
    rig.finish(tx("a"))
    assert rig.frames() == [], "ACKed before the commit"
    rig.fail_commit()
    assert rig.frames() == [], "ACKed after a commit that failed"
    rig.finish(tx("a"))
    assert rig.frames() == [], "ACKed before the commit"
    rig.commit()
    assert [frame.split()[0] for frame in rig.frames()] == ["ack"]


def check_versions_are_deliveries_of_their_own(make: Callable[[], AckToy]) -> None:
    """Another version of a key is delivered, and finishing one does not ACK the other away."""
    rig = ready_acks(make())
    rig.say("tx a pending", "tx a success", "tx a pending")
    delivered = [(event.identity.version[0], event.delivery) for event in rig.news() if isinstance(event, Tx)]
    assert delivered == [("pending", "new"), ("success", "update")], "each version once"
    rig.finish(tx("a", "pending"))
    rig.commit()
    assert rig.frames() == [], "ACKed away what is not finished"
    rig.finish(tx("a", "success"))
    rig.commit()
    assert [frame.split()[::2] for frame in rig.frames()] == [["ack", "a"]]


def check_a_cancelled_callers_reply_reaches_nobody_else(make: Callable[[], Toy]) -> None:
    """On a lane, where replies name nothing, the slot of a cancelled call stays taken until its reply has come."""
    rig = ready_toy(make())
    cancelled, next_one = rig.submit(Order("a")), rig.submit(Order("b"))
    rig.abandon(cancelled)
    rig.submit(Order("c"))
    assert rig.frames() == ["order a"], "the lane is taken"
    rig.say("done A")
    assert rig.settled == [], "another caller got the reply"
    rig.say("done B")
    assert rig.settled == [Settled(next_one, "B")]
