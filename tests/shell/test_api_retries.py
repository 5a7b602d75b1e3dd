"""What an `Api` calls again, and when: in virtual time, without sockets."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire.core.effects import Credential
from pushwire.core.http import Request, Response
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.errors import (
    CommandRefused,
    ConnectionLost,
    OutcomeUnknown,
    PushwireError,
    RateLimited,
    RemoteProtocolError,
    ReplyTimeout,
)
from pushwire.shell.entropy import Entropy
from pushwire.shell.http import Passage
from pushwire.shell.ratelimit import RateBuckets
from tests.shell.rest_fakes import FakeHttp
from tests.shell.rest_server import LIMITS, Config, Get, Open, Order

Clock = trio.testing.MockClock
CONFIG = Config(limits=LIMITS)
SEED = Entropy(seed=1)

OK = Response(200, {}, b"ok")
UNSENT = ConnectionLost("connect: refused", sent="no")
LOST = ConnectionLost("reset", sent="maybe")
LATE = ReplyTimeout("no reply within 30 s")


@attrs.define
class Script:
    """Answers one thing after the other."""

    steps: Sequence[Response | PushwireError]

    async def __call__(self, request: Request, passage: Passage) -> Response:
        step, self.steps = self.steps[0], self.steps[1:]
        if isinstance(step, Response):
            return step
        passage.left = step is not UNSENT
        raise step


def http(*steps: Response | PushwireError) -> FakeHttp:
    return FakeHttp(Script(steps))


def limited(**headers: str) -> Response:
    return Response(429, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("first", [UNSENT, LOST, LATE, Response(502), Response(503), Response(504)])
async def test_a_query_is_asked_again_after_a_delay_that_grows(first: Response | PushwireError, autojump_clock: Clock) -> None:
    fake = http(first, first, OK)
    async with pushwire.open_api(CONFIG, http=fake, entropy=SEED) as api:
        assert await api.call(Open()) == b"ok"
    waits = [later - earlier for earlier, later in zip(fake.times, fake.times[1:], strict=False)]
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0
    assert not fake.closed  # whoever opened it closes it


@pytest.mark.parametrize("error", [UNSENT, LOST, LATE])
async def test_the_last_error_is_told_when_the_tries_are_used_up(error: PushwireError, autojump_clock: Clock) -> None:
    fake = http(error, error, error, OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        with pytest.raises(type(error)) as caught:
            await api.call(Open())
    assert caught.value is error
    assert len(fake.sent) == 3


async def test_a_service_that_stays_away_is_what_its_last_answer_says(autojump_clock: Clock) -> None:
    fake = http(Response(503), Response(503, {"x-code": "5000", "x-trace": "t"}))
    async with pushwire.open_api(CONFIG, http=fake, tries=2) as api:
        with pytest.raises(CommandRefused) as caught:
            await api.call(Open())
    assert (caught.value.code, caught.value.trace_id) == (5000, "t")


async def test_a_service_that_is_away_is_given_the_time_it_asks_for(autojump_clock: Clock) -> None:
    fake = http(Response(503, {"retry-after": "20"}), OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        await api.call(Open())
    assert fake.times == [0.0, 20.0]


async def test_an_order_that_never_left_is_made_again(autojump_clock: Clock) -> None:
    fake = http(UNSENT, UNSENT, OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        assert await api.call(Order()) == b"ok"


@pytest.mark.parametrize("error", [LOST, LATE, RemoteProtocolError("it is longer than 7 bytes")])
async def test_an_order_that_may_have_left_is_not(error: PushwireError, autojump_clock: Clock) -> None:
    fake = http(error, OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        with pytest.raises(OutcomeUnknown) as caught:
            await api.call(Order())
    assert (caught.value.command, caught.value.__cause__) == (Order(), error)
    assert len(fake.sent) == 1


async def test_an_answer_that_cannot_be_read_is_not_asked_for_again(autojump_clock: Clock) -> None:
    fake = http(RemoteProtocolError("it is longer than 7 bytes"), OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        with pytest.raises(RemoteProtocolError, match="longer"):
            await api.call(Open())


# 429


@pytest.mark.parametrize("endpoint", [Open(), Order()])
async def test_a_limited_call_waits_as_it_is_told_and_is_made_again(endpoint: Open, autojump_clock: Clock) -> None:
    fake = http(limited(retry_after="7"), limited(retry_after="8"), OK)
    async with pushwire.open_api(CONFIG, http=fake, tries=1) as api:
        assert await api.call(endpoint) == b"ok"
    assert fake.times == [0.0, 7.0, 15.0]


async def test_a_limit_beyond_the_patience_is_told_at_once(autojump_clock: Clock) -> None:
    fake = http(limited(retry_after="31", x_code="4005", x_trace="t1"))
    async with pushwire.open_api(CONFIG, http=fake) as api:
        with pytest.raises(RateLimited) as caught:
            await api.call(Order())
    assert (caught.value.command, caught.value.code, caught.value.trace_id) == ("Order", 4005, "t1")
    assert caught.value.retry_after == 31.0
    assert trio.current_time() == 0.0


async def test_a_limit_that_does_not_say_how_long_ends_with_the_patience(autojump_clock: Clock) -> None:
    fake = http(*[limited()] * 9)
    async with pushwire.open_api(CONFIG, http=fake, patience=5.0) as api:
        with pytest.raises(RateLimited, match="Open refused: too many calls") as caught:
            await api.call(Open())
    assert (caught.value.code, caught.value.retry_after) == (429, None)
    assert trio.current_time() <= 5.0


async def test_the_answer_to_a_limited_call_may_say_in_its_body_how_long(autojump_clock: Clock) -> None:
    class Told(Open):
        def decode(self, response: Response) -> bytes:
            if response.status == 429:
                raise CommandRefused("Told", None, "slow down", retry_after=9.0)
            return response.body

    fake = http(limited(), OK)
    async with pushwire.open_api(CONFIG, http=fake) as api:
        assert await api.call(Told()) == b"ok"
    assert fake.times == [0.0, 9.0]


async def test_an_answer_to_a_limited_call_that_reads_like_success_is_none(autojump_clock: Clock) -> None:
    class Careless(Open):
        def decode(self, response: Response) -> bytes:
            return response.body

    async with pushwire.open_api(CONFIG, http=http(limited()), patience=0.1) as api:
        with pytest.raises(RateLimited):
            await api.call(Careless())


async def test_a_limited_call_holds_up_the_others_of_its_bucket(autojump_clock: Clock) -> None:
    fake = http(limited(retry_after="20"), OK, OK)
    async with pushwire.open_api(CONFIG, http=fake) as api, trio.open_nursery() as nursery:
        nursery.start_soon(api.call, Order())
        await trio.sleep(1.0)
        nursery.start_soon(api.call, Order())
    assert fake.times == [0.0, 20.0, 20.0]


# Limits of our own


async def test_calls_keep_to_the_limits_of_the_config(autojump_clock: Clock) -> None:
    fake = http(*[OK] * 5)
    async with pushwire.open_api(Config(limits={"orders": RateLimit(2, 60)}), http=fake) as api, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(api.call, Order())
    assert fake.times == [0.0, 0.0, 60.0, 60.0, 120.0]


async def test_several_apis_may_share_their_limits(autojump_clock: Clock) -> None:
    limits = {"orders": RateLimit(1, 60)}
    buckets, fake = RateBuckets(limits), http(OK, OK)
    config = Config(limits=limits)
    async with (
        pushwire.open_api(config, http=fake, buckets=buckets) as one,
        pushwire.open_api(config, http=fake, buckets=buckets) as other,
    ):
        await one.call(Order())
        await other.call(Order())
    assert fake.times == [0.0, 60.0]


# Tokens


async def test_a_token_that_cannot_be_had_just_now_is_tried_again_since_nothing_left(autojump_clock: Clock) -> None:
    steps: list[Secret | PushwireError] = [LOST, LATE, Secret("t")]

    async def source(wanted: Credential) -> Secret:
        step = steps.pop(0)
        if isinstance(step, Secret):
            return step
        raise step

    fake = http(OK, OK)
    async with pushwire.open_api(CONFIG, http=fake, tokens=source) as api:
        assert await api.call(Get()) == b"ok"
        steps.extend([LOST, LOST, LOST])
        with pytest.raises(ConnectionLost, match="no token for the call: reset") as caught:
            await api.call(Get())
    assert caught.value.sent == "no"
    assert len(fake.sent) == 1


async def test_after_a_token_was_replaced_later_attempts_use_it_as_any_other(autojump_clock: Clock) -> None:
    wanted: list[bool] = []

    async def source(credential: Credential) -> Secret:
        wanted.append(credential.refresh)
        return Secret("new" if credential.refresh or len(wanted) > 1 else "old")

    fake = http(Response(401), Response(503), OK)
    async with pushwire.open_api(CONFIG, http=fake, tokens=source) as api:
        assert await api.call(Get()) == b"ok"
    assert wanted == [False, True, False]
