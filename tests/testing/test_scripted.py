"""A peer that plays a script, over a socket and in memory; what it says of a client that does otherwise, and no secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import attrs
import pytest
import trio
from trio.testing import MockClock

import pushwire
from pushwire import gelabs, quantcite
from pushwire.core.events import Down, Up
from pushwire.errors import LocalProtocolError, NotReady
from pushwire.testing import gelabs as build
from pushwire.testing.scripted import (
    Accept,
    Answer,
    Close,
    Drop,
    Expect,
    Gone,
    Mark,
    Playing,
    Refuse,
    ScriptedPeer,
    ScriptFailed,
    Send,
    Stall,
    Step,
    Until,
    Wait,
)
from pushwire.testing.steps import Json
from tests.shell.streams import next_of

CONFIG = gelabs.Config(api_key=pushwire.Secret("hidden-key"), backoff_first=0.01)
SUBSCRIBE = gelabs.Subscribe(build.ADDRESS, "ethereum")
OK: dict[str, str | int] = {"id": "$id", "type": "subscribe", "code": 0, "msg": "success"}
GREETING: tuple[Step, ...] = (Accept(), Send(build.connected()))
PINGS = Answer({"type": "ping", "id": "$id"}, {"type": "pong", "id": "$id", "code": 0})
SUBSCRIBED: tuple[Step, ...] = (*GREETING, Expect({"type": "subscribe", "id": "$id"}), Send(OK))


async def subscribe(peer: Playing, *, on_socket: bool = False, and_then: gelabs.Unsubscribe | None = None) -> None:
    """What a client does that the scripts below are about."""
    async with connect(peer, on_socket=on_socket) as stream:
        await stream.call(SUBSCRIBE)
        if and_then is not None:
            with trio.move_on_after(1):
                await stream.call(and_then)


def connect(
    peer: Playing, config: gelabs.Config = CONFIG, *, on_socket: bool = False
) -> AbstractAsyncContextManager[pushwire.AckStream[gelabs.Event, gelabs.Transaction, None]]:
    """A client of the peer."""
    if on_socket:
        return pushwire.connect(attrs.evolve(config, url=peer.url))
    return pushwire.connect(config, **peer.in_memory)


@pytest.mark.parametrize("on_socket", [False, True])
async def test_a_client_that_does_as_the_script_says_passes(on_socket: bool) -> None:
    async with ScriptedPeer([*SUBSCRIBED, Gone()]).play() as peer:
        await subscribe(peer, on_socket=on_socket)
    assert peer.finished


async def test_reconnects_are_played(autojump_clock: MockClock) -> None:
    steps = [*GREETING, Close(1012, "restart"), Refuse(503, "busy", retry_after=7), Drop(), Wait(20), *GREETING]
    async with ScriptedPeer(steps).play() as peer, pushwire.connect(CONFIG, **peer.in_memory) as stream:
        down = await next_of(stream, Down)
        assert down.close is not None
        assert (down.close.code, down.close.reason) == (1012, "restart")
        await next_of(stream, Up)
        assert trio.current_time() > 27


async def test_the_test_and_the_script_wait_for_one_another(autojump_clock: MockClock) -> None:
    steps = [*GREETING, Mark("there"), Until("now"), Send(build.push())]
    async with ScriptedPeer(steps).play() as peer, pushwire.connect(CONFIG, **peer.in_memory) as stream:
        await peer.reached("there")
        await trio.sleep(5)
        assert not peer.finished
        peer.allow("now")
        event = await next_of(stream, gelabs.Transaction)
        assert event.received == pytest.approx(5.0, abs=0.1)


async def test_attempts_that_fail_are_played_on_a_socket() -> None:
    steps = [Drop(), Refuse(503), *GREETING, Send(build.push()), Drop()]
    async with ScriptedPeer(steps).play() as peer, connect(peer, on_socket=True) as stream:
        assert (await next_of(stream, gelabs.Transaction)).tx_hash == build.TX_HASH, "what was sent before it was dropped comes"
        await next_of(stream, Down)
        await peer.played()


async def test_heartbeats_are_answered_beside_the_script(autojump_clock: MockClock) -> None:
    steps = [PINGS, *GREETING, Wait(200), Send(build.push())]
    async with ScriptedPeer(steps).play() as peer, pushwire.connect(CONFIG, **peer.in_memory) as stream:
        assert isinstance(await next_of(stream, gelabs.Transaction), gelabs.Transaction)
        assert stream.status.session.generation == 1


@pytest.mark.parametrize("on_socket", [False, True])
async def test_a_dead_line_is_noticed_by_its_client(on_socket: bool) -> None:
    config = attrs.evolve(CONFIG, ping_interval=0.2, pong_timeout=0.2, close_within=0.1)
    steps = [*GREETING, Stall(), *GREETING]
    async with ScriptedPeer(steps).play() as peer, connect(peer, config, on_socket=on_socket) as stream:
        assert (await next_of(stream, Down)).reason == "no answer to a ping within 0.2 s"
        assert (await next_of(stream, Up)).generation == 2


async def test_a_line_that_stands_still_goes_on_where_it_stood(autojump_clock: MockClock) -> None:
    steps = [*GREETING, Mark("still"), Stall(5), Expect({"type": "subscribe", "id": "$id"}), Send(OK)]
    async with ScriptedPeer(steps).play() as peer, pushwire.connect(CONFIG, **peer.in_memory) as stream:
        await peer.reached("still")
        await stream.call(SUBSCRIBE)
        assert trio.current_time() == pytest.approx(5.0, abs=0.1)


async def test_functions_decide_what_is_expected_and_sent() -> None:
    def said(message: str | bytes) -> bool:
        return b"subscribe" in (message.encode() if isinstance(message, str) else message)

    def reply(message: str | bytes) -> str:
        identifier = str(message).partition('"id":"')[2].partition('"')[0]
        return build.message("subscribe", id=identifier)

    async with ScriptedPeer([*GREETING, Expect(said), Send(reply)]).play() as peer:
        await subscribe(peer)


# Failures


async def failing(steps: Sequence[Step]) -> ScriptFailed:
    """What a script has to say of a client that subscribes."""
    with pytest.raises(ScriptFailed) as caught:
        async with ScriptedPeer(steps).play() as peer:
            await subscribe(peer)
    return caught.value


async def test_a_client_that_does_otherwise_is_told_where_and_in_what(autojump_clock: MockClock) -> None:
    expected = Expect({"type": "unsubscribe", "data": {"chain_type": "bsc", "nothing": [1]}, "id": "$id"})
    failure = await failing([*GREETING, expected, Send(OK), Gone()])
    assert failure.step == 3
    lines = str(failure).splitlines()
    assert lines[0].startswith('the script stood at step 3 of 5: Expect({"type": "unsubscribe"')
    assert lines[0].endswith("a message came that is another")
    assert lines[1].startswith('  came: {"')
    assert lines[2:5] == [
        '  type: "unsubscribe" was expected, subscribe came',
        '  data.chain_type: "bsc" was expected, ethereum came',
        "  data.nothing: [1] was expected, nothing came",
    ]
    assert lines[5] == "  the script:"
    assert lines[8].startswith("  > 3 Expect(")
    assert lines[-1] == "    5 Gone()"


async def test_a_client_that_leaves_too_early_is_told(autojump_clock: MockClock) -> None:
    failure = await failing([*SUBSCRIBED, Expect({"type": "ping"})])
    assert "step 5 of 5" in str(failure)
    assert "the client has gone" in str(failure)


async def test_a_client_that_never_comes_again_is_told(autojump_clock: MockClock) -> None:
    failure = await failing([*SUBSCRIBED, Gone(), *GREETING])
    assert "step 6 of 7: Accept(subprotocol=None): the test was over before the script" in str(failure)


async def test_a_script_may_be_left_early(autojump_clock: MockClock) -> None:
    async with ScriptedPeer([*SUBSCRIBED, Gone(), *GREETING]).play(whole=False) as peer:
        await subscribe(peer)
    assert not peer.finished


async def test_a_client_that_stays_is_waited_for_in_vain(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    async def stay(peer: Playing, *, task_status: trio.TaskStatus[None]) -> None:
        async with pushwire.connect(CONFIG, **peer.in_memory):
            task_status.started()
            await trio.sleep_forever()

    with pytest.raises(ScriptFailed, match="the test was over"):
        async with ScriptedPeer([*GREETING, Gone()]).play() as peer:
            await nursery.start(stay, peer)
    nursery.cancel_scope.cancel()


async def test_messages_that_nobody_looked_at_are_shown(autojump_clock: MockClock) -> None:
    steps = [*SUBSCRIBED, Mark("subscribed"), Until("never")]
    with pytest.raises(ScriptFailed, match=r"not looked at: .*unsubscribe"):
        async with ScriptedPeer(steps).play() as peer:
            await subscribe(peer, and_then=gelabs.Unsubscribe(build.ADDRESS))


async def test_a_dial_that_the_script_does_not_expect_is_told(autojump_clock: MockClock) -> None:
    with pytest.raises(ScriptFailed, match="the client dialled"):
        async with ScriptedPeer([*GREETING, Gone(), Send("x")]).play() as peer:
            await subscribe_twice(peer)


async def subscribe_twice(peer: Playing) -> None:
    async with pushwire.connect(CONFIG, **peer.in_memory), pushwire.connect(CONFIG, **peer.in_memory):
        await trio.sleep_forever()


async def test_after_the_end_of_the_script_nobody_is_there(autojump_clock: MockClock) -> None:
    async with ScriptedPeer([*GREETING, Drop()]).play() as peer, pushwire.connect(CONFIG, **peer.in_memory) as stream:
        await next_of(stream, Down)
        await trio.sleep(10)
        assert stream.status.session.last_error is not None
        assert "HTTP 503" in str(stream.status.session.last_error)


async def test_what_the_test_raises_itself_is_told_where_the_script_stood(autojump_clock: MockClock) -> None:
    with pytest.raises(NotReady) as caught:
        async with ScriptedPeer([Refuse(), Wait(100)]).play() as peer:
            await subscribe(peer)
    assert caught.value.__notes__ == ["the script stood at step 2 of 2: Wait(seconds=100)"]
    with pytest.raises(ZeroDivisionError) as crashed:
        async with ScriptedPeer([]).play():
            raise ZeroDivisionError
    assert crashed.value.__notes__ == ["the script was played to its end (0 steps)"]


async def test_what_goes_wrong_on_the_way_out_does_not_hide_why(autojump_clock: MockClock) -> None:
    async def stumble() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ZeroDivisionError

    async def client(peer: Playing) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumble)
            await subscribe(peer)

    with pytest.raises(ScriptFailed, match="another") as caught:
        async with ScriptedPeer([*GREETING, Expect({"type": "x"})]).play() as peer:
            await client(peer)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_a_name_of_nothing_cannot_be_sent(autojump_clock: MockClock) -> None:
    failure = await failing([*GREETING, Send({"id": "$id"})])
    assert "nothing that came was named $id" in str(failure)


@pytest.mark.parametrize("step", [Send("x"), Expect("x"), Close(), Stall(), Gone()])
def test_a_script_begins_with_a_dial(step: Step) -> None:
    with pytest.raises(LocalProtocolError, match="must begin with Accept, Refuse or Drop"):
        ScriptedPeer([PINGS, Wait(1), step])


@pytest.mark.parametrize("make", [lambda: Wait(-1), lambda: Stall(float("inf")), lambda: Refuse(503, retry_after=float("nan"))])
def test_times_are_numbers_of_seconds(make: Callable[[], Step]) -> None:
    with pytest.raises(LocalProtocolError, match="must be a number of seconds"):
        make()


async def test_no_failure_shows_a_secret(autojump_clock: MockClock) -> None:
    config = quantcite.Config(api_key=pushwire.Secret("hidden-key"))
    shown: list[str] = []
    scripts: tuple[Expect, ...] = (Expect({"type": "other"}), Expect({"api_key": "another"}), Expect("exactly this"))
    for expected in scripts:
        with pytest.raises(ScriptFailed) as caught:
            async with ScriptedPeer([Accept(), expected]).play() as peer, pushwire.connect(config, **peer.in_memory):
                raise AssertionError("it is not ready")
        shown.append(str(caught.value))
    assert all("authenticate" in text and "hidden" not in text for text in shown)
    # The name of a field tells of this one, a header of the next, the caller of the last.
    for secrets in ([], [pushwire.Secret("0x1234")]):
        steps = [*GREETING, Expect({"type": "x hidden-key x"})]
        with pytest.raises(ScriptFailed) as caught:
            async with ScriptedPeer(steps, secrets=secrets).play() as peer:
                await subscribe(peer)
        assert "hidden-key" not in str(caught.value)
        assert ("0x1234" in str(caught.value)) == (not secrets)


async def test_numbers_are_sent_as_they_are_written(autojump_clock: MockClock) -> None:
    raw = Decimal("1000.00000000000000000001")
    config = quantcite.Config(api_key=pushwire.Secret("k"))
    deposit: dict[str, Json] = {
        "transactionId": "t",
        "timestamp": 1_693_526_400_000,
        "label": "Deposit",
        "receivedCurrency": {"currency": "USDT", "amount": raw},
    }
    steps = [
        Accept(),
        Expect({"type": "authenticate"}),
        Send({"type": "welcome", "session_id": "s", "authentication": {"status": "authenticated"}}),
        Expect({"action": "subscribe_transactions"}),
        Send({"type": "transaction_response", "success": True, "exchange": "bybit", "transactions": [deposit]}),
    ]
    async with ScriptedPeer(steps).play() as peer, pushwire.connect(config, **peer.in_memory) as stream:
        await stream.call(quantcite.SubscribeTransactions("bybit"))
        event = await next_of(stream, quantcite.Transaction)
        assert event.received_currency == quantcite.Amount("USDT", raw)
