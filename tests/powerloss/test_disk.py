"""The model of a disk: what may be found after a power loss, and what may not."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.powerloss.disk import (
    Acked,
    Disk,
    Event,
    FolderSynced,
    Made,
    Moved,
    Removed,
    Resized,
    Synced,
    SyncFailed,
    Wrote,
    images,
)

OLD, NEW = b"o" * 1024, b"n" * 1024


def found(*log: Event, times: int = 400) -> set[bytes | None]:
    """What may be found in `a`."""
    disk = Disk()
    for event in log:
        disk.step(event)
    return {disk.image(random.Random(seed)).get("a") for seed in range(times)}


def durable(content: bytes) -> Sequence[Event]:
    return Made("a"), Wrote("a", 0, content), Synced("a"), FolderSynced()


def test_what_was_synced_is_there() -> None:
    assert found(*durable(OLD)) == {OLD}
    assert found(*durable(OLD), Wrote("a", 0, NEW), Resized("a", 100), Synced("a")) == {NEW[:100]}


def test_of_what_was_not_synced_any_part_is_there() -> None:
    outcomes = found(*durable(OLD), Wrote("a", 0, NEW))
    assert {OLD, NEW, NEW[:512] + OLD[512:], OLD[512:] + NEW[:512]} <= outcomes
    assert len(outcomes) > 20, "it is torn inside sectors as well"


def test_writes_reach_the_disk_in_any_order() -> None:
    outcomes = found(*durable(b"oo"), Wrote("a", 0, b"n"), Wrote("a", 1, b"n"))
    assert {b"oo", b"nn", b"no", b"on"} <= outcomes


def test_bytes_beside_those_written_are_never_harmed() -> None:
    assert {content[:600] for content in found(*durable(OLD), Wrote("a", 600, NEW[:10])) if content} == {OLD[:600]}


def test_a_size_may_be_on_the_disk_without_its_data_and_the_other_way_round() -> None:
    outcomes = found(*durable(OLD), Wrote("a", 1024, NEW))
    assert OLD in outcomes
    assert any(len(content) == 2048 and content[1024:1536] == bytes(512) for content in outcomes if content)
    assert any(1024 < len(content) < 2048 for content in outcomes if content)
    assert found(*durable(OLD), Resized("a", 10)) == {OLD, OLD[:10]}


def test_a_name_is_there_for_sure_only_when_its_folder_was_synced() -> None:
    made = (Made("a"), Wrote("a", 0, b"x"), Synced("a"))
    assert found(*made) == {None, b"x"}
    assert found(*made, FolderSynced()) == {b"x"}
    assert found(*made, FolderSynced(), Removed("a")) == {None, b"x"}
    assert found(*made, FolderSynced(), Removed("a"), FolderSynced()) == {None}


def test_a_new_file_under_an_old_name_is_another_file() -> None:
    again = (Removed("a"), Made("a"), Wrote("a", 0, b"new"), Synced("a"))
    assert found(*durable(b"old"), *again) == {b"old", None, b"new"}
    assert found(*durable(b"old"), *again, FolderSynced()) == {b"new"}


def test_a_file_moved_onto_another_is_there_under_its_new_name_when_the_folder_was_synced() -> None:
    moved = (*durable(b"old"), Made("b"), Wrote("b", 0, b"new"), Synced("b"), Moved("b", "a"))
    assert found(*moved) == {b"old", b"new"}
    assert found(*moved, FolderSynced()) == {b"new"}


def test_what_a_failed_sync_lost_no_later_sync_brings_back() -> None:
    failed = (*durable(b"oo"), Wrote("a", 0, b"xx"), SyncFailed("a"))
    assert {b"oo", b"xx"} <= found(*failed)
    assert {b"oo", b"xx"} <= found(*failed, Synced("a"))
    assert found(*failed, Wrote("a", 0, b"nn"), Synced("a"), Synced("a")) == {b"nn"}
    assert found(*failed, Resized("a", 0), Synced("a")) == {b""}
    assert {b"ooy", b"xxy"} <= found(*failed, Wrote("a", 2, b"y"), Synced("a"))


def test_who_looks_while_the_power_is_on_misses_nothing() -> None:
    disk = Disk()
    for event in (Made("a"), Wrote("a", 0, OLD), Resized("a", 5), Made("b"), Moved("b", "c")):
        disk.step(event)
    assert disk.seen() == {"a": b"ooooo", "c": b""}


def test_images_are_of_drawn_moments_and_know_what_was_acked_by_then() -> None:
    log = [*durable(OLD), Acked((1,)), Wrote("a", 0, NEW), Acked((2,))]
    acked = {frozenset(disk.acked) for _, disk, _ in images(log, range(100))}
    assert acked == {frozenset(), frozenset({1}), frozenset({1, 2})}
    assert {frozenset(disk.acked) for _, disk, _ in images(log, range(100), since=6)} == {frozenset({1}), frozenset({1, 2})}


def test_a_seed_is_always_the_same_image() -> None:
    log = [*durable(OLD), Wrote("a", 0, NEW), Wrote("a", 700, NEW)]
    together = {seed: image for seed, _, image in images(log, range(50))}
    assert all(next(images(log, [seed]))[2] == image for seed, image in together.items())
