"""The keeper of access tokens, in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from pushwire.core.effects import Credential
from pushwire.core.http import Request, Response
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.core.tokens import GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused, ConnectionLost, RateLimited, RemoteProtocolError, StoreError
from pushwire.shell.http import Http, Passage
from pushwire.shell.ratelimit import RateBuckets
from pushwire.shell.tokens import TokenKeeper, TokenStore
from tests.shell.rest_fakes import TOKEN, FakeHttp, Issuer, PasswordGrant
from tests.shell.rest_server import Asked, Server

Clock = trio.testing.MockClock


class MemoryTokens:
    """A store that can fail."""

    def __init__(self, held: Tokens | None = None) -> None:
        self.held = held
        self.fault: Exception | None = None
        self.log: list[str] = []

    async def load(self) -> Tokens | None:
        self.log.append("load")
        if self.fault is not None:
            raise self.fault
        return self.held

    async def save(self, tokens: Tokens) -> None:
        self.log.append(f"save {tokens.access.reveal()}")
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            raise self.fault
        self.held = tokens


def keeper(http: Http, store: TokenStore | None = None) -> TokenKeeper:
    return TokenKeeper(PasswordGrant(), http=http, store=store, wall=trio.current_time)


def bodies(http: FakeHttp) -> list[bytes]:
    return [request.body for request in http.sent]


async def test_the_first_token_is_got_by_the_credentials_and_kept(autojump_clock: Clock) -> None:
    http = FakeHttp(Issuer())
    source = keeper(http)
    assert await source(TOKEN) == Secret("a1")
    assert await source(TOKEN) == Secret("a1")
    assert bodies(http) == [b"password"]


async def test_a_token_is_renewed_by_its_refresh_token_at_80_percent_of_its_lifetime(autojump_clock: Clock) -> None:
    http = FakeHttp(Issuer())
    source = keeper(http)
    await source(TOKEN)
    await trio.sleep(79.9)
    assert await source(TOKEN) == Secret("a1")
    await trio.sleep(0.1)
    assert await source(TOKEN) == Secret("a2")
    assert bodies(http) == [b"password", b"refresh r1"]


async def test_a_token_of_unknown_lifetime_is_used_until_it_is_refused(autojump_clock: Clock) -> None:
    source = keeper(FakeHttp(Issuer(lasts=None)))
    await source(TOKEN)
    await trio.sleep(10**6)
    assert await source(TOKEN) == Secret("a1")
    assert await source(Credential("token", refresh=True, refused=Secret("a1"))) == Secret("a2")


async def test_a_token_that_is_given_out_expired_is_given_once(autojump_clock: Clock) -> None:
    source = keeper(FakeHttp(Issuer(lasts=0.0)))
    assert await source(TOKEN) == Secret("a1")
    assert await source(TOKEN) == Secret("a2")


async def test_all_who_call_at_a_time_wait_for_one_renewal(autojump_clock: Clock) -> None:
    issuer = Issuer()

    async def slow(request: Request, passage: Passage) -> Response:
        await trio.sleep(5.0)
        return await issuer(request, passage)

    source, given = keeper(FakeHttp(slow)), list[Secret]()

    async def ask() -> None:
        given.append(await source(TOKEN))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert given == [Secret("a1")] * 5
    assert issuer.given == 1


# Refusals


async def test_a_refused_token_is_renewed(autojump_clock: Clock) -> None:
    source = keeper(FakeHttp(Issuer()))
    refused = await source(TOKEN)
    assert await source(Credential("token", refresh=True, refused=refused)) == Secret("a2")


async def test_a_refused_token_that_was_replaced_meanwhile_is_not_renewed_again(autojump_clock: Clock) -> None:
    issuer = Issuer()
    source = keeper(FakeHttp(issuer))
    refused = Credential("token", refresh=True, refused=await source(TOKEN))
    given = list[Secret]()

    async def ask(delay: float) -> None:
        await trio.sleep(delay)
        given.append(await source(refused))

    async with trio.open_nursery() as nursery:
        for delay in (0.0, 0.0, 7.0):
            nursery.start_soon(ask, delay)
    assert given == [Secret("a2")] * 3
    assert issuer.given == 2


async def test_a_refusal_that_names_no_token_means_the_one_held(autojump_clock: Clock) -> None:
    source = keeper(FakeHttp(Issuer()))
    await source(TOKEN)
    assert await source(Credential("token", refresh=True)) == Secret("a2")


async def test_a_stored_token_that_was_refused_is_not_what_loading_gives(autojump_clock: Clock) -> None:
    store = MemoryTokens(Tokens(Secret("a0"), 0.0, 100.0, Secret("r0")))
    http = FakeHttp(Issuer())
    assert await keeper(http, store)(Credential("token", refresh=True, refused=Secret("a0"))) == Secret("a1")
    assert bodies(http) == [b"refresh r0"]


async def test_a_source_that_gives_the_same_token_again_is_believed(autojump_clock: Clock) -> None:
    async def same(request: Request, passage: Passage) -> Response:
        return Response(200, {}, b'{"access": "a"}')

    source = keeper(FakeHttp(same))
    assert await source(Credential("token", refresh=True, refused=await source(TOKEN))) == Secret("a")


# What fails


async def test_an_expired_refresh_token_begins_anew_with_the_credentials_once(autojump_clock: Clock) -> None:
    issuer = Issuer()

    async def answer(request: Request, passage: Passage) -> Response:
        return Response(400) if request.body.startswith(b"refresh") else await issuer(request, passage)

    http = FakeHttp(answer)
    source = keeper(http)
    await source(TOKEN)
    await trio.sleep(80.0)
    assert await source(TOKEN) == Secret("a2")
    assert bodies(http) == [b"password", b"refresh r1", b"password"]


async def test_a_grant_that_has_expired_from_the_beginning_is_an_error(autojump_clock: Clock) -> None:
    http = FakeHttp(Issuer(status=400))
    with pytest.raises(GrantExpired):
        await keeper(http)(TOKEN)
    assert bodies(http) == [b"password"]


async def test_an_error_reaches_all_who_wait_and_the_next_caller_tries_anew(autojump_clock: Clock) -> None:
    issuer = Issuer(status=401)
    source, failed = keeper(FakeHttp(issuer)), list[str]()

    async def ask() -> None:
        with pytest.raises(AuthenticationRefused) as caught:
            await source(TOKEN)
        failed.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    assert failed == ["no such client"] * 3
    issuer.status = 200
    assert await source(TOKEN) == Secret("a1")


async def test_an_answer_that_says_nothing_about_the_grant_is_not_decoded(autojump_clock: Clock) -> None:
    with pytest.raises(RemoteProtocolError, match=r"POST http://auth\.invalid/token: HTTP 503"):
        await keeper(FakeHttp(Issuer(status=503)))(TOKEN)

    async def limited(request: Request, passage: Passage) -> Response:
        return Response(429, {"retry-after": "9"})

    with pytest.raises(RateLimited) as caught:
        await keeper(FakeHttp(limited))(TOKEN)
    assert (caught.value.code, caught.value.retry_after) == (429, 9.0)


async def test_a_fault_of_the_grant_reaches_who_waits(autojump_clock: Clock) -> None:
    async def garbage(request: Request, passage: Passage) -> Response:
        return Response(200, {}, b"garbage")

    with pytest.raises(ValueError, match="malformed"):
        await keeper(FakeHttp(garbage))(TOKEN)


async def test_a_token_that_still_lives_is_used_on_while_renewals_fail_and_tried_every_10_seconds(autojump_clock: Clock) -> None:
    issuer = Issuer()
    http = FakeHttp(issuer)
    source = keeper(http)
    await source(TOKEN)
    issuer.status = 500
    given = list[Secret]()
    for _ in range(9):
        await trio.sleep(11.0)
        given.append(await source(TOKEN))
    assert given == [Secret("a1")] * 9
    assert http.times == [0.0, 88.0, 99.0]
    await trio.sleep(1.0)
    with pytest.raises(RemoteProtocolError):
        await source(TOKEN)


async def test_a_token_that_was_refused_is_not_used_on(autojump_clock: Clock) -> None:
    issuer = Issuer()
    source = keeper(FakeHttp(issuer))
    refused = Credential("token", refresh=True, refused=await source(TOKEN))
    issuer.status = 500
    with pytest.raises(RemoteProtocolError):
        await source(refused)


# Cancellation


async def test_a_cancelled_caller_leaves_the_renewal_to_the_others(autojump_clock: Clock) -> None:
    issuer = Issuer()

    async def slow(request: Request, passage: Passage) -> Response:
        await trio.sleep(5.0)
        return await issuer(request, passage)

    source, given = keeper(FakeHttp(slow)), list[Secret]()

    async def ask(patience: float) -> None:
        with trio.move_on_after(patience):
            given.append(await source(TOKEN))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, 1.0)
        nursery.start_soon(ask, 10.0)
    assert given == [Secret("a1")]
    assert issuer.given == 1


async def test_a_renewal_that_may_have_left_is_ended_and_stored_also_for_nobody(autojump_clock: Clock) -> None:
    issuer = Issuer()

    async def slow(request: Request, passage: Passage) -> Response:
        await trio.sleep(5.0)
        return await issuer(request, passage)

    store, http = MemoryTokens(), FakeHttp(slow)
    source = keeper(http, store)
    with trio.move_on_after(1.0):
        await source(TOKEN)
    await trio.sleep(5.0)
    assert store.held is not None
    assert store.held.access == Secret("a1")
    assert await source(TOKEN) == Secret("a1")
    assert len(http.sent) == 1


async def test_a_renewal_that_nobody_waits_for_and_that_has_not_left_is_given_up(autojump_clock: Clock) -> None:
    issuer, cancelled = Issuer(), trio.Event()

    async def dialling(request: Request, passage: Passage) -> Response:
        passage.left = False
        try:
            await trio.sleep(5.0)
        except trio.Cancelled:
            cancelled.set()
            raise
        return await issuer(request, passage)

    source = keeper(FakeHttp(dialling))
    with trio.move_on_after(1.0):
        await source(TOKEN)
    # Who comes right then begins a new one.
    assert await source(TOKEN) == Secret("a1")
    assert cancelled.is_set()
    assert issuer.given == 1


async def test_closing_gives_up_the_renewal_and_tells_who_waits(autojump_clock: Clock) -> None:
    async def never(request: Request, passage: Passage) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    source = keeper(FakeHttp(never))
    await source.aclose()

    async def ask() -> None:
        with pytest.raises(ConnectionLost, match="given up"):
            await source(TOKEN)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        await source.aclose()


# Stores


async def test_tokens_outlive_the_keeper(autojump_clock: Clock) -> None:
    store = MemoryTokens()
    await keeper(FakeHttp(Issuer()), store)(TOKEN)
    http = FakeHttp(Issuer(given=1))
    source = keeper(http, store)
    assert await source(TOKEN) == Secret("a1")
    assert http.sent == []
    await trio.sleep(90.0)
    assert await source(TOKEN) == Secret("a2")
    assert bodies(http) == [b"refresh r1"]


async def test_new_tokens_are_stored_before_anyone_gets_them(autojump_clock: Clock) -> None:
    store = MemoryTokens()
    source = keeper(FakeHttp(Issuer()), store)
    await source(TOKEN)
    assert store.log == ["load", "save a1"]


async def test_tokens_that_cannot_be_stored_are_kept_and_stored_by_a_later_call(autojump_clock: Clock) -> None:
    store = MemoryTokens()
    http = FakeHttp(Issuer())
    source = keeper(http, store)
    await source(TOKEN)
    store.fault = OSError(28, "No space left on device")
    await trio.sleep(101.0)
    for _ in range(2):
        with pytest.raises(StoreError, match="new tokens could not be stored: No space left on device") as caught:
            await source(TOKEN)
        assert caught.value.outcome == "not_stored"
    store.fault = None
    assert await source(TOKEN) == Secret("a2")
    assert bodies(http) == [b"password", b"refresh r1"]
    assert store.log == ["load", "save a1", "save a2", "save a2", "save a2"]


async def test_while_new_tokens_cannot_be_stored_the_old_one_is_used_for_what_it_still_lives(autojump_clock: Clock) -> None:
    store = MemoryTokens()
    source = keeper(FakeHttp(Issuer()), store)
    await source(TOKEN)
    store.fault = StoreError("disk full")
    await trio.sleep(85.0)
    assert await source(TOKEN) == Secret("a1")
    store.fault = None
    assert await source(TOKEN) == Secret("a1")
    await trio.sleep(10.0)
    assert await source(TOKEN) == Secret("a2")


async def test_tokens_that_cannot_be_read_are_an_error_and_no_reason_to_ask_for_others(autojump_clock: Clock) -> None:
    store = MemoryTokens(Tokens(Secret("a0"), 0.0, 100.0))
    store.fault = RuntimeError("secret hunter2")
    http = FakeHttp(Issuer())
    source = keeper(http, store)
    with pytest.raises(StoreError) as caught:
        await source(TOKEN)
    assert str(caught.value) == "the stored tokens cannot be read: RuntimeError"
    assert http.sent == []
    store.fault = None
    assert await source(TOKEN) == Secret("a0")


# The rest


async def test_requests_for_tokens_keep_to_the_limits_that_the_grant_names(autojump_clock: Clock) -> None:
    class Limited(PasswordGrant):
        buckets = ("refresh", "unknown here")

    http = FakeHttp(Issuer())
    source = TokenKeeper(Limited(), http=http, buckets=RateBuckets({"refresh": RateLimit(1, 60)}), wall=trio.current_time)
    await source(TOKEN)
    await source(Credential("token", refresh=True))
    assert http.times == [0.0, 60.0]


async def test_without_a_client_it_opens_its_own_for_each_renewal(nursery: trio.Nursery) -> None:
    async def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b'{"access": "a"}'

    server = Server(answers)
    await server.start(nursery)
    source = TokenKeeper(PasswordGrant(server.url))
    assert await source(TOKEN) == Secret("a")
    await server.until(lambda: server.gone == 1)


def test_it_shows_no_secret() -> None:
    assert repr(TokenKeeper(PasswordGrant())) == "TokenKeeper(PasswordGrant)"


def test_the_end_of_the_program_waits_for_a_renewal_that_has_left_and_for_no_other() -> None:
    store = MemoryTokens()
    issuer = Issuer()

    async def slow(request: Request, passage: Passage) -> Response:
        await trio.sleep(5.0)
        return await issuer(request, passage)

    async def main() -> None:
        with trio.move_on_after(1.0):
            await keeper(FakeHttp(slow), store)(TOKEN)

    trio.run(main, clock=Clock(autojump_threshold=0))
    assert store.held is not None
    assert store.held.access == Secret("a1")
