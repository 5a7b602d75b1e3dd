from __future__ import annotations

from pushwire.core.ids import id_source


def test_ids_count_up_behind_their_prefix() -> None:
    new = id_source("ab")
    assert [new(), new(), id_source("ab")()] == ["ab-1", "ab-2", "ab-1"]
