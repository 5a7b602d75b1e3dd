"""Bugs planted on purpose: the very checks that the good machines pass must fail each of them."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Close, Done, Handshake, Identity, Outcome, Record, Ticket, Token, Write
from pushwire.core.events import Delivery
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from tests.core.checks import (
    check_a_cancelled_callers_reply_reaches_nobody_else,
    check_a_late_credential_is_not_used,
    check_an_ack_waits_for_its_commit,
    check_dials_in_five_minutes,
    check_versions_are_deliveries_of_their_own,
)
from tests.core.rig import DROP
from tests.core.toy import LANE, AckToy, Toy


class AcksEarly(AckToy):
    """The ACK leaves with the commit instead of after it."""

    def _commit(self, ticket: Ticket, records: tuple[Record, ...]) -> None:
        super()._commit(ticket, records)
        self._out.effects += self._ack_frames([self._ids() for _ in records], [(record.identity.key, None) for record in records])


class AcksWhatFailed(AckToy):
    """Whatever the store says, it was stored."""

    def _settle_write(self, ticket: Ticket, write: Write, error: BaseException | None) -> None:
        if error is not None:
            self._out.effects += self._ack_frames([self._ids()], [(("a",), None)])
        super()._settle_write(ticket, write, error)


class KeyWithoutVersion(AckToy):
    """All versions of a key are one."""

    def _received(self, identity: Identity, now: float, *, reorg: bool = False) -> Delivery | None:
        return super()._received(Identity(identity.key, ()), now, reorg=reorg)


class AcksTheKeyWithAnyVersion(AckToy):
    """Finishing one version ACKs the others away."""

    def _settle_write(self, ticket: Ticket, write: Write, error: BaseException | None) -> None:
        super()._settle_write(ticket, write, error)
        self._out.effects += self._ack_frames([self._ids()], [(("a",), None)])


class ForgetsAtTheHandshake(Toy):
    """The back-off begins anew with each connection that opens."""

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        super().opened(handshake, now, wall)
        self._redial._backoff.attempt = 0


class GrantsAtOnceAtTheHandshake(Toy):
    """So does the right to dial at once."""

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        super().opened(handshake, now, wall)
        self._redial._backoff._immediate = True


class TakesAnyCredential(Toy):
    """Whoever asked for it, a credential that comes is used."""

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        if self._phase is Phase.PREPARING and isinstance(outcome, Done) and isinstance(outcome.value, Secret):
            self._secrets["token"] = outcome.value
            self._prepared(now)


class KeepsTheOldCredential(Toy):
    """A late one overwrites the one of this attempt."""

    _late: Secret | None = None

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        if token.generation != self._generation and isinstance(outcome, Done) and isinstance(outcome.value, Secret):
            self._late = outcome.value
        super().fulfil(token, outcome, now)

    def _prepared(self, now: float) -> None:
        if self._late is not None:
            self._secrets["token"] = self._late
        super()._prepared(now)


class FreesTheSlot(Toy):
    """A caller who is cancelled takes the slot of its reply along."""

    def abandon(self, ticket: Ticket, now: float) -> None:
        self._exchange._pending.answer(LANE)
        self._exchange.advance(now)


class AnswersTheCancelled(Toy):
    """The reply to a cancelled call goes to the next caller in line."""

    def abandon(self, ticket: Ticket, now: float) -> None:
        call = self._exchange._pending.peek(LANE)
        assert call is not None
        call.ticket = Ticket(ticket.serial + 1)


@pytest.mark.parametrize("planted", [AcksEarly, AcksWhatFailed])
def test_an_early_ack_is_caught(planted: type[AckToy]) -> None:
    check_an_ack_waits_for_its_commit(AckToy)
    with pytest.raises(AssertionError, match="ACKed"):
        check_an_ack_waits_for_its_commit(planted)


@pytest.mark.parametrize("planted, found", [(KeyWithoutVersion, "each version once"), (AcksTheKeyWithAnyVersion, "ACKed away")])
def test_a_key_without_its_version_is_caught(planted: type[AckToy], found: str) -> None:
    check_versions_are_deliveries_of_their_own(AckToy)
    with pytest.raises(AssertionError, match=found):
        check_versions_are_deliveries_of_their_own(planted)


@pytest.mark.parametrize("planted, close", [(ForgetsAtTheHandshake, DROP), (GrantsAtOnceAtTheHandshake, Close(code=4002))])
@pytest.mark.parametrize("greeted", [True, False])
def test_a_back_off_reset_by_the_handshake_is_caught(planted: type[Toy], close: Close, greeted: bool) -> None:
    check_dials_in_five_minutes(Toy, close, greeted=greeted)
    with pytest.raises(AssertionError, match=r"dialled \d+ times|hammered"):
        check_dials_in_five_minutes(planted, close, greeted=greeted)


@pytest.mark.parametrize("planted", [TakesAnyCredential, KeepsTheOldCredential])
def test_a_stale_token_used_again_is_caught(planted: type[Toy]) -> None:
    check_a_late_credential_is_not_used(Toy)
    with pytest.raises(AssertionError, match="credential"):
        check_a_late_credential_is_not_used(planted)


@pytest.mark.parametrize("planted, found", [(FreesTheSlot, "the lane is taken"), (AnswersTheCancelled, "another caller")])
def test_a_slot_lost_with_its_caller_is_caught(planted: type[Toy], found: str) -> None:
    check_a_cancelled_callers_reply_reaches_nobody_else(Toy)
    with pytest.raises(AssertionError, match=found):
        check_a_cancelled_callers_reply_reaches_nobody_else(planted)
