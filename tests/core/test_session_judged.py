"""What a peer said before it closed may weigh more than the close itself."""

from __future__ import annotations

from pushwire.core.effects import Close
from pushwire.core.events import Down
from pushwire.core.machine import Phase
from tests.core.rig import Rig, ready_toy
from tests.core.toy import Toy


class Listening(Toy):
    """A close with a reason that is a number is judged by that number."""

    def _judged(self, close: Close, now: float) -> Close:
        return Close(code=int(close.reason)) if close.reason.isdecimal() else close


def closed(reason: str) -> Rig:
    rig = ready_toy(Listening())
    rig.drop(Close(code=1001, reason=reason))
    return rig


def test_the_close_table_sees_what_the_provider_makes_of_a_close() -> None:
    rig = closed("4000")
    assert rig.phase() is Phase.CLOSED
    assert str(rig.failure()) == "close 4000 by peer (gone for good)"
    assert closed("4002").phase() is Phase.PREPARING
    assert closed("going away").phase() is Phase.BACKING_OFF


def test_the_caller_is_told_of_the_close_as_it_came() -> None:
    (down,) = closed("4002").news()
    assert isinstance(down, Down)
    assert down.close == Close(code=1001, reason="4002")
