"""Runs the Python of a page as it stands: block after block, in one namespace, against sandboxes instead of providers.

A page's loops go on for ever. What ends one is what it has printed: then its streams are stopped, and it comes to its own end.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import re
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from types import ModuleType
from typing import Any, Final, TypeAlias, cast

import anyio
import attrs
import pytest
import trio

import pushwire
from tests.docs.pages import Block

__all__ = ["Names", "Play", "Stage", "Workshop"]

PATIENCE: Final = 60.0
"""Seconds that a block may take; one that takes so long waits in vain."""

Names: TypeAlias = dict[str, Any]  # whatever a page calls by name
Program: TypeAlias = Callable[[], Awaitable[object]]


@attrs.define(eq=False)
class Workshop:
    """One page's. `names` are its variables; `steps`, by the number of a block, what has to happen right before it."""

    patch: pytest.MonkeyPatch
    names: Names = attrs.Factory(dict[str, Any])
    steps: dict[int, Program] = attrs.Factory(dict[int, Program])
    printed: list[str] = attrs.Factory(list[str])
    _changes: dict[type, Mapping[str, Any]] = attrs.Factory(dict[type, Mapping[str, Any]])  # as a config's fields have it
    _replaced: dict[str, str] = attrs.Factory(dict[str, str])
    _streams: list[pushwire.Stream[Any]] = attrs.Factory(list[pushwire.Stream[Any]])  # of whichever provider
    _wanted: Sequence[str] = ()
    _signal: signal.Signals | None = None
    _programs: list[Program] = attrs.Factory(list[Program])

    # For stages

    def lead(self, kind: type, **changes: Any) -> None:  # as above
        """What is connected to with a config of this kind has these fields instead."""
        self._changes[kind] = changes

    def led(self, config: Any) -> Any:  # any provider's
        """The config with which what is given this one connects."""
        kind = cast("type[object]", type(config))
        return attrs.evolve(config, **self._changes.get(kind, {}))

    def replace(self, shown: str, by: str) -> None:
        """What the page writes is read so, from here on."""
        self._replaced[shown] = by

    # For the test

    async def run(self, block: Block, until: Sequence[str] = (), sent: signal.Signals | None = None) -> None:
        """Run one block. It is over when it ends by itself; where `until` says what it prints in between, its streams are
        stopped when it has printed all of that, or it is `sent` a signal."""
        if block.number in self.steps:
            await self.steps[block.number]()
        self.printed.clear()
        self._wanted = until
        self._signal = sent
        with trio.move_on_after(PATIENCE) as patience:
            await self._execute(block)
            while self._programs:
                await self._programs.pop(0)()
        missing = [pattern for pattern in until if not self._has_printed(pattern)]
        assert missing == [], f"{block.place} has printed {self.printed}"
        assert not patience.cancelled_caught, f"{block.place} does not end"

    @contextmanager
    def opened(self, name: str) -> Generator[None]:
        """The page is a module like any other: values find the types they name in theirs."""
        module = ModuleType(name)
        self.names = module.__dict__
        self.names["print"] = self._print
        self.patch.setitem(sys.modules, name, module)
        self.patch.setattr(pushwire, "connect", self._redirected(pushwire.connect))
        self.patch.setattr(pushwire, "open_api", self._redirected(pushwire.open_api))
        # Another run cannot begin within this one: what a page would run is run when the block is over.
        self.patch.setattr(trio, "run", self._programs.append)
        self.patch.setattr(anyio, "run", self._with_anyio)
        yield

    # Within

    def _with_anyio(self, program: Program, backend: str) -> None:
        assert backend == "trio"
        self._programs.append(program)

    async def _execute(self, block: Block) -> None:
        text = block.text
        for shown, by in self._replaced.items():
            text = text.replace(shown, by)
        # Line numbers in a traceback are the page's.
        source = "\n" * (block.line - 1) + text
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        if self.names.get("annotations") is __future__.annotations or "from __future__ import annotations" in text:
            flags |= __future__.annotations.compiler_flag
        code = compile(source, str(block.page), "exec", flags=flags, dont_inherit=True)
        running: object = eval(code, self.names)
        if inspect.isawaitable(running):
            await running

    def _print(self, *values: object) -> None:
        self.printed.append(" ".join(map(str, values)))
        if self._wanted and all(map(self._has_printed, self._wanted)):
            if self._signal is not None:
                # Who does not listen yet would die of it; there is more to print.
                if signal.getsignal(self._signal) is not signal.SIG_DFL:
                    self._wanted = ()
                    signal.raise_signal(self._signal)
                return
            self._wanted = ()
            for stream in self._streams:
                stream.stop()

    def _has_printed(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.printed)

    @contextmanager
    def _known(self, opened: object) -> Generator[None]:
        """It may have to be stopped, if it is a stream."""
        streams = cast("list[pushwire.Stream[Any]]", [opened] if isinstance(opened, pushwire.Stream) else [])
        self._streams += streams
        yield
        self._streams = [stream for stream in self._streams if stream not in streams]

    def _redirected(self, real: Callable[..., Any]) -> Callable[..., AbstractAsyncContextManager[Any]]:  # `connect` or `open_api`
        @asynccontextmanager
        async def instead(config: Any, **options: Any) -> AsyncGenerator[Any]:
            async with real(self.led(config), **options) as opened:
                with self._known(opened):
                    yield opened

        return instead


Stage: TypeAlias = Callable[[Workshop], AbstractAsyncContextManager[None]]
"""What a page needs around it: servers, files, and the names that it speaks of."""


@attrs.frozen
class Play:
    """How a page is run. `until` says, by the number of a block, what it prints before it is ended; `signals`, which one ends a
    block that listens for it."""

    stage: Stage
    until: Mapping[int, Sequence[str]] = attrs.Factory(dict[int, Sequence[str]])
    signals: Mapping[int, signal.Signals] = attrs.Factory(dict[int, signal.Signals])
