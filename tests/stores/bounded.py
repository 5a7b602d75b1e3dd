"""A process whose files may grow no further, while the retention deletes a row for each that comes. Run with the store's path.

It prints how many commits were stored at the first attempt or the second, whether most were at the first, and how many rows
there are in the end.
"""

from __future__ import annotations

import sys
from collections import Counter

import trio

from pushwire.stores.sqlite import SqliteStore
from tests.stores.cramped import allow, attempt
from tests.stores.kit import ack, numbers, opened

ROWS = 100
FIRST, LAST = 400, 1400


async def main(path: str) -> None:
    async with opened(SqliteStore(path, retain_rows=ROWS)) as store:
        for number in range(1, FIRST):
            await ack(store, number)
        allow(max([(await trio.Path(name).stat()).st_size for name in (path, f"{path}-wal")]))
        stored = Counter[int]()
        for number in range(FIRST, LAST):
            # Commits differ in size: where one does not fit into what is left of the log, it does when that begins anew.
            attempts = 1
            while await attempt(store, number, 0) != "stored" and attempts < 5:
                attempts += 1
            stored[attempts] += 1
        most = stored[1] > LAST - FIRST - 50
        print(stored[1] + stored[2], most, len(await numbers(store)))  # noqa: T201 - for the test that reads it


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
