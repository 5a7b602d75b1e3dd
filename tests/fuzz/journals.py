"""The journal reader: any lines are records or a `JournalError` that names the line, and what was read can be replayed."""

from __future__ import annotations

import io
import random
from typing import Final

from pushwire.core.effects import Committed, Done, Restored
from pushwire.core.ids import id_source
from pushwire.core.journal import Header, Truncated, replay
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Machine
from pushwire.core.provider import ProviderConfig
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.errors import JournalError
from pushwire.providers import load
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.feeds import FEEDS
from tests.fuzz.mutate import JsonMutator
from tests.fuzz.receive import Feed

__all__ = ["Journals"]


def recorded(feed: Feed) -> list[str]:
    """The lines of a journal in which a client of this provider was given all of its corpus."""
    config: ProviderConfig = feed.configs[0]
    client = feed.client(config)
    file = io.StringIO(newline="\n")
    inner: Machine[object] = config.machine(rng=random.Random(1), ids=id_source("n"))
    client.machine = Recording(inner, Header(load(feed.name), config, 1, "n", Restored(), "0"), file)
    client.ready()
    for command in feed.commands[:3]:
        client.submit(command)
    for said in (*feed.corpus, *feed.often):
        client.receive(said)
        for persist in client.persists:
            client.machine.fulfil(persist.token, Done(Committed()), client.now)
        for fetch in client.fetches:
            client.machine.fulfil(fetch.token, Done(Secret("x")), client.now)
        client.persists.clear()
        client.fetches.clear()
    client.advance(100.0)
    client.machine.stop(client.now)
    return file.getvalue().splitlines()


class Journals:
    """Journals of all providers, with lines changed, left out, repeated, and of one another."""

    name: str = "journal"
    share: int = 8

    def __init__(self) -> None:
        self._journals: Final = [recorded(feed) for feed in FEEDS]
        self._lines: Final = JsonMutator([line for journal in self._journals for line in journal], ["inf", {"base64": "AA=="}])

    def draw(self, rng: random.Random) -> Case:
        journal = rng.choice(self._journals)
        inputs: list[Raw] = [journal[0] if rng.random() < 0.8 else self._lines.tree(rng, journal[0])]
        for _ in range(int(rng.random() * 10)):
            line: Raw = rng.choice(journal)
            inputs.append(self._lines.change(rng, line) if rng.random() < 0.4 else line)
        if rng.random() < 0.3:
            inputs.append(self._lines.draw(rng))
        return Case(rng.getrandbits(32), tuple(inputs))

    def change(self, rng: random.Random, case: Case) -> Case:
        inputs = list(case.inputs)
        place = int(rng.random() * len(inputs))
        inputs[place] = self._lines.change(rng, inputs[place])
        return Case(case.setup, tuple(inputs))

    def check(self, case: Case, tally: Tally) -> None:
        whole = b"\n".join(raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass") for raw in case.inputs)
        lines = io.BytesIO(whole).readlines()
        if case.setup % 4:
            whole += b"\n"
        records, outcome = 0, "accepted"
        try:
            for step in replay(read_journal(lines, load)):
                records += 1
                if isinstance(step.record, Truncated):
                    outcome = "cut short"
        except JournalError as error:
            outcome = "refused"
            assert error.line == max(1, records + 1), f"line {error.line} after {records} records"
            assert error.reason
        for raw in case.inputs:
            tally.count(raw, outcome)
