"""`python -m benchmarks.report`: the figures that were kept, as a plot, and as tables in the page of the docs.

What stands between `<!-- figures: PART -->` and `<!-- end -->` in that page is written here; all else is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from .plot import Bar, Group, plot
from .results import RESULTS, kept

__all__ = ["END", "PAGE", "TABLES", "draw", "write"]

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"
PLOT: Final = RESULTS / "benchmarks.svg"
END: Final = "<!-- end -->"

Figures = Any
"""What a part has kept: JSON."""


def draw() -> None:
    """Draw the plot of what is kept."""
    groups: list[Group] = []
    for row in _rows("throughput"):
        bars = [Bar(peer, clocks["cpu"]) for peer, clocks in row["times_faster"].items()]
        groups.append(Group(f"CPU a message: {row['row']}", bars))
    for row in _rows("latency"):
        bars = [Bar(f"{row['peer']}, {name}", 1 / share) for name, share in row["of_the_peers"].items()]
        groups.append(Group(f"Latency: {row['row']}", bars))
    if groups:
        PLOT.write_text(plot("pushwire: how many times better than each peer", groups), encoding="utf-8")


def write() -> None:
    """Put the tables into the page."""
    page = PAGE.read_text(encoding="utf-8")
    for part, table in TABLES.items():
        whole = kept(part)
        if whole is None:
            continue
        text = f"{_conditions(whole['conditions'])}\n\n{table(whole['figures'])}"
        head, mark, rest = page.partition(f"<!-- figures: {part} -->\n")
        _, end, tail = rest.partition(END)
        assert mark, f"{PAGE.name} has no place for {part}"
        assert end, f"{PAGE.name}: the place for {part} has no end"
        page = f"{head}{mark}\n{text}\n\n{end}{tail}"
    PAGE.write_text(page, encoding="utf-8")


def _rows(part: str) -> Sequence[Figures]:
    whole = kept(part)
    return () if whole is None else whole["figures"]


def _conditions(given: dict[str, Any]) -> str:
    processors = f"{given['processors']} processors"
    return f"{given['python']}, {given['system']}, {processors}; {given['load']:g} processes wanted to run when it began."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _throughput(rows: Figures) -> str:
    peers = list(dict.fromkeys(peer for row in rows for peer in row["times_faster"]))

    def cell(row: Figures, peer: str) -> str:
        clocks = row["times_faster"].get(peer)
        return "" if clocks is None else f"{clocks['cpu']:.1f} ({clocks['wall']:.1f})"

    table = _table(["", *peers], [[row["row"], *(cell(row, peer) for peer in peers)] for row in rows])
    absent = sorted({peer for row in rows for peer in row["not_installed"]})
    return table + (f"\n\nNot installed where this ran: {', '.join(absent)}." if absent else "")


def _machine(figures: Figures) -> str:
    shares = figures["shares"]
    rows = [
        [f"a {kind}", *(f"{share:.2f}" for share in (shares[f"decode a {kind}"], figures["added"][kind]))]
        for kind in figures["added"]
    ]
    return _table(["", "decoded and its types checked", "what the machine adds"], rows)


def _latency(rows: Figures) -> str:
    head = ["", "p50", "p99"]
    return _table(head, [[row["row"], *(f"{row['of_the_peers'][name]:.2f}" for name in head[1:])] for row in rows])


def _growth(figures: Figures) -> str:
    lines: list[list[str]] = []
    for row in figures["keys"]:
        few, many = row["keys"]
        lines.append([f"a message with {many:,} keys known: {row['row']}", f"that with {few:,}", f"{row['times']:.2f}", "1.2"])
    for row in figures["subscriptions"]:
        few, many = row["subscriptions"]
        how = ", ".join(["each asked for once"] * row["each_once"] + ["paced"] * row["paced"])
        lines.append(
            [f"one of {many:,} subscriptions restored: {row['row']} ({how})", f"one of {few:,}", f"{row['times']:.2f}", ""]
        )
    crowd = figures["crowd"]
    count = f"{crowd['connections']:,}"
    lines.append([f"memory of one of {count} connections", "one of websockets.trio", f"{crowd['memory_times_bare']:.2f}", "1.5"])
    lines.append(["memory of a process that has those", "the same", f"{crowd['process_times_bare']:.2f}", ""])
    lines += [
        [f"CPU of {count} idle ones: {client}", "one processor", f"{share:.4f}", ""]
        for client, share in crowd["cpu_share"].items()
    ]
    lines += [
        [f"memory after {crowd['messages']:,} messages, {kind}", "that after half of them", f"{times:.3f}", ""]
        for kind, times in crowd["grown_since_the_middle"].items()
    ]
    return _table(["what", "as a multiple of", "times", "at most"], lines)


def _imports(figures: Figures) -> str:
    columns = ("times_trio_and_msgspec", "with_connect")
    rows = [[name, *(f"{figures[column][name]:.2f}" for column in columns)] for name in figures["times_trio_and_msgspec"]]
    strangers = {name: found for name, found in figures["strangers"].items() if found}
    note = f"Loaded of other providers: {strangers or 'nothing'}."
    return _table(["", "the provider", "with `pushwire.connect`, which loads trio and websockets"], rows) + f"\n\n{note}"


TABLES: Final[dict[str, Callable[[Figures], str]]] = {
    "throughput": _throughput,
    "machine": _machine,
    "latency": _latency,
    "growth": _growth,
    "imports": _imports,
}


if __name__ == "__main__":
    draw()
    write()
