"""What every store must do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pushwire.core.effects import Committed, Identity, Record, Restored, Ticket, Write
from pushwire.errors import LocalProtocolError, StoreError
from tests.stores.kit import NAMESPACE, AnyStore, delivered, finished, identity, own, reopened, settling


class Refused(Exception):
    """What a booking raises here."""


async def test_a_new_store_holds_nothing(store: AnyStore) -> None:
    assert await store.open(NAMESPACE) == Restored({}, {}, None)
    await store.close(NAMESPACE)


async def test_what_was_committed_is_there_at_the_next_open(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    committed = await store.commit(NAMESPACE, [own(delivered(1, 50.0)), settling(2, finished(2, 60.0))], 40.5, {})
    assert committed == Committed({})
    assert await reopened(store) == Restored({identity(2): 60.0}, {identity(1): 50.0}, 40.5)
    await store.close(NAMESPACE)


async def test_the_mark_is_that_of_the_last_commit(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [], 40.0, {})
    await store.commit(NAMESPACE, [], 30.0, {})
    assert (await reopened(store)).mark == 30.0
    await store.close(NAMESPACE)


@pytest.mark.parametrize(
    "odd",
    [
        Identity((), ()),
        Identity((None,), (None, None)),
        Identity((True, False), (1, 0)),
        Identity(("1", "true", "null"), ("",)),
        Identity((2**256 - 1, -1), (2**63, -(2**63) - 1)),
        Identity(("☃ 'quoted\" \\ \x00 \ud800",), ("\U0001f600\n",)),
    ],
)
async def test_identities_come_back_as_they_were(store: AnyStore, odd: Identity) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(Record("finished", odd, 1.0))], 0.0, {})
    (found,) = (await reopened(store)).finished
    assert found == odd
    assert [type(part) for part in (*found.key, *found.version)] == [type(part) for part in (*odd.key, *odd.version)]
    await store.close(NAMESPACE)


async def test_finished_supersedes_delivered(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(delivered(1, 50.0))], 0.0, {})
    await store.commit(NAMESPACE, [settling(1, finished(1, 70.0))], 0.0, {})
    assert await reopened(store) == Restored({identity(1): 70.0}, {}, 0.0)
    await store.close(NAMESPACE)


async def test_delivered_never_undoes_finished(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1, 70.0), delivered(1, 80.0))], 0.0, {})
    await store.commit(NAMESPACE, [own(delivered(1, 90.0))], 0.0, {})
    assert await reopened(store) == Restored({identity(1): 70.0}, {}, 0.0)
    await store.close(NAMESPACE)


async def test_versions_of_one_key_are_kept_apart(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    pending, success = identity(1, "pending"), identity(1, "success")
    await store.commit(NAMESPACE, [own(Record("finished", pending, 1.0), Record("delivered", success, 2.0))], 0.0, {})
    assert await reopened(store) == Restored({pending: 1.0}, {success: 2.0}, 0.0)
    await store.close(NAMESPACE)


async def test_the_rows_come_oldest_first(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1, 30.0), finished(2, 10.0), finished(3, 20.0))], 0.0, {})
    await store.commit(NAMESPACE, [own(delivered(4, 3.0), delivered(5, 1.0))], 0.0, {})
    restored = await reopened(store)
    assert list(restored.finished.values()) == [10.0, 20.0, 30.0]
    assert list(restored.delivered.values()) == [1.0, 3.0]
    await store.close(NAMESPACE)


async def test_a_parked_one_is_finished_and_kept_whole(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    poison = Record("parked", identity(1), 70.0, "cannot be parsed: ☃", '{"amount": "1e999"}')
    await store.commit(NAMESPACE, [own(delivered(1)), settling(1, poison)], 0.0, {})
    assert (await reopened(store)).finished == {identity(1): 70.0}
    assert await store.parked() == [poison]
    await store.close(NAMESPACE)


async def test_what_is_not_valid_text_can_be_parked_too(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [settling(1, Record("parked", identity(1), 1.0, "half \ud83d", "\x00 \udfff"))], 0.0, {})
    (record,) = await store.parked()
    assert record.note.startswith("half ")
    assert record.raw.startswith("\x00 ")
    await store.close(NAMESPACE)


async def test_namespaces_know_nothing_of_one_another(store: AnyStore) -> None:
    await store.open("one")
    await store.open("other")
    await store.commit("one", [own(finished(1), delivered(2))], 10.0, {})
    await store.commit("other", [own(delivered(1), finished(3))], 20.0, {})
    assert await reopened(store, "one") == Restored({identity(1): 100.0}, {identity(2): 50.0}, 10.0)
    assert await reopened(store, "other") == Restored({identity(3): 100.0}, {identity(1): 50.0}, 20.0)
    await store.close("one")
    await store.close("other")


async def test_a_commit_for_a_namespace_that_is_not_open_is_refused(store: AnyStore) -> None:
    with pytest.raises(StoreError, match="is not open") as caught:
        await store.commit("one", [own(finished(1))], 0.0, {})
    assert caught.value.outcome == "not_stored"
    await store.open("other")
    with pytest.raises(StoreError, match="is not open"):
        await store.commit("one", [own(finished(1))], 0.0, {})
    assert await reopened(store, "other") == Restored({}, {}, None)
    await store.close("other")


# Bookings


@pytest.mark.parametrize("error", [Refused("no such account"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_a_booking_that_raises_leaves_out_its_own_write_alone(store: AnyStore, error: BaseException) -> None:
    def refuse(_: object) -> None:
        raise error

    await store.open(NAMESPACE)
    writes = [own(delivered(9)), settling(1), settling(2), settling(3)]
    committed = await store.commit(NAMESPACE, writes, 5.0, {Ticket(1): str, Ticket(2): refuse, Ticket(3): str})
    assert list(committed.failed) == [Ticket(2)]
    assert committed.failed[Ticket(2)] is error
    assert await reopened(store) == Restored({identity(1): 100.0, identity(3): 100.0}, {identity(9): 50.0}, 5.0)
    await store.commit(NAMESPACE, [settling(2)], 6.0, {Ticket(2): str})
    assert set((await reopened(store)).finished) == {identity(1), identity(2), identity(3)}
    await store.close(NAMESPACE)


async def test_an_async_booking_is_refused_since_nobody_would_await_it(store: AnyStore) -> None:
    async def book(_: object) -> None:
        raise AssertionError("never runs")

    await store.open(NAMESPACE)
    committed = await store.commit(NAMESPACE, [settling(1)], 0.0, {Ticket(1): book})
    assert isinstance(committed.failed[Ticket(1)], LocalProtocolError)
    assert (await reopened(store)).finished == {}
    await store.close(NAMESPACE)


async def test_the_records_of_one_booking_are_stored_together_or_not_at_all(store: AnyStore) -> None:
    def refuse(_: object) -> None:
        raise Refused

    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [settling(1, finished(1), finished(2))], 0.0, {Ticket(1): refuse})
    assert (await reopened(store)).finished == {}
    await store.close(NAMESPACE)


async def test_bookings_run_in_the_order_of_their_writes(store: AnyStore) -> None:
    order: list[int] = []

    def note(serial: int) -> Callable[[object], None]:
        return lambda _: order.append(serial)

    await store.open(NAMESPACE)
    serials = (3, 1, 2)
    await store.commit(NAMESPACE, [settling(n) for n in serials], 0.0, {Ticket(n): note(n) for n in sorted(serials)})
    assert order == [3, 1, 2]
    await store.close(NAMESPACE)


async def test_what_is_finished_already_is_not_booked_again(store: AnyStore) -> None:
    booked: list[str] = []
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [settling(1)], 0.0, {Ticket(1): lambda _: booked.append("first")})
    again = await store.commit(NAMESPACE, [settling(2, finished(1))], 1.0, {Ticket(2): lambda _: booked.append("second")})
    assert again == Committed({})
    assert booked == ["first"]
    await store.close(NAMESPACE)


@pytest.mark.parametrize("records", [(), (finished(1), finished(2)), (finished(3),), (finished(4),)])
async def test_what_is_not_wholly_finished_is_booked(store: AnyStore, records: tuple[Record, ...]) -> None:
    booked: list[int] = []
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1), delivered(3))], 0.0, {})
    await store.commit(NAMESPACE, [Write(Ticket(1), records)], 1.0, {Ticket(1): lambda _: booked.append(1)})
    assert booked == [1]
    await store.close(NAMESPACE)


# Retention


async def test_what_is_older_than_the_retention_goes_with_later_commits(make: Callable[..., AnyStore]) -> None:
    store = make(retain_for=100.0)
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1, 1000.0), delivered(2, 1001.0), finished(3, 1050.0))], 0.0, {})
    await store.commit(NAMESPACE, [own(finished(4, 1100.0))], 0.0, {})
    assert set((await reopened(store)).finished) == {identity(1), identity(3), identity(4)}
    await store.commit(NAMESPACE, [own(finished(5, 1101.5))], 0.0, {})
    assert await reopened(store) == Restored({identity(3): 1050.0, identity(4): 1100.0, identity(5): 1101.5}, {}, 0.0)
    await store.close(NAMESPACE)


async def test_no_more_than_so_many_rows_are_kept(make: Callable[..., AnyStore]) -> None:
    store = make(retain_rows=10)
    await store.open(NAMESPACE)
    for number in range(40):
        await store.commit(NAMESPACE, [own(finished(number, float(number)))], 0.0, {})
    assert list((await reopened(store)).finished) == [identity(number) for number in range(30, 40)]
    await store.close(NAMESPACE)


async def test_a_row_that_is_delivered_and_then_finished_counts_once(make: Callable[..., AnyStore]) -> None:
    store = make(retain_rows=10)
    await store.open(NAMESPACE)
    for number in range(20):
        await store.commit(NAMESPACE, [own(delivered(number, float(number)))], 0.0, {})
        await store.commit(NAMESPACE, [own(finished(number, float(number)))], 0.0, {})
    assert len((await reopened(store)).finished) == 10
    await store.close(NAMESPACE)


async def test_a_busy_stream_takes_no_rows_from_a_quiet_one(make: Callable[..., AnyStore]) -> None:
    store = make(retain_rows=10)
    await store.open(NAMESPACE)
    await store.open("busy")
    await store.commit(NAMESPACE, [own(finished(1))], 0.0, {})
    for number in range(40):
        await store.commit("busy", [own(finished(number))], 0.0, {})
    assert set((await reopened(store)).finished) == {identity(1)}
    assert len((await reopened(store, "busy")).finished) == 10
    await store.close(NAMESPACE)
    await store.close("busy")


async def test_what_was_finished_last_goes_last_however_long_ago_it_was_delivered(make: Callable[..., AnyStore]) -> None:
    store = make(retain_rows=10)
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(delivered(1, 100.0))], 0.0, {})
    for number in range(2, 11):
        await store.commit(NAMESPACE, [own(finished(number, 100.0 + number))], 0.0, {})
    await store.commit(NAMESPACE, [own(finished(1, 200.0))], 0.0, {})
    await store.commit(NAMESPACE, [own(finished(11, 201.0))], 0.0, {})
    assert {identity(1), identity(11)} <= set((await reopened(store)).finished)
    await store.close(NAMESPACE)


async def test_one_record_from_the_future_does_not_outdate_what_follows(make: Callable[..., AnyStore]) -> None:
    store = make(retain_for=100.0)
    await store.open(NAMESPACE)
    await store.commit(NAMESPACE, [own(finished(1, 1e9))], 0.0, {})
    for number in range(2, 9):
        await store.commit(NAMESPACE, [own(finished(number, float(number)))], 0.0, {})
    assert set((await reopened(store)).finished) >= {identity(number) for number in range(2, 9)}
    await store.close(NAMESPACE)


async def test_parked_ones_outlive_the_retention(make: Callable[..., AnyStore]) -> None:
    store = make(retain_for=10.0)
    await store.open(NAMESPACE)
    poison = Record("parked", identity(1), 100.0, "why", "raw")
    await store.commit(NAMESPACE, [settling(1, poison)], 0.0, {})
    await store.commit(NAMESPACE, [own(finished(2, 500.0), finished(3, 500.0))], 0.0, {})
    assert set((await reopened(store)).finished) == {identity(2), identity(3)}
    assert await store.parked() == [poison]
    await store.close(NAMESPACE)


# What was set aside


async def test_parked_ones_can_be_listed_and_deleted_by_namespace(store: AnyStore) -> None:
    await store.open(NAMESPACE)
    await store.open("other")
    first, second = (Record("parked", identity(number), 100.0, "why", "raw") for number in (1, 2))
    await store.commit(NAMESPACE, [settling(1, first), settling(2, second)], 0.0, {})
    await store.commit("other", [settling(1, first)], 0.0, {})
    assert await store.parked(NAMESPACE) == [first, second]
    assert await store.parked("other") == [first]
    assert await store.parked("unheard of") == []
    assert len(await store.parked()) == 3

    assert await store.discard_parked([identity(1), identity(3)], NAMESPACE) == 1
    assert await store.parked(NAMESPACE) == [second]
    assert await store.parked("other") == [first]
    assert await store.discard_parked([identity(1), identity(2)]) == 2
    assert await store.parked() == []
    assert await store.discard_parked([]) == 0
    assert set((await reopened(store)).finished) == {identity(1), identity(2)}
    await store.close(NAMESPACE)
    await store.close("other")
