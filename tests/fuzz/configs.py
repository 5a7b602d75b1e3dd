"""The relay's TOML file: any text is a config, or one `ConfigError` that names each wrong field, and shows no secret."""

from __future__ import annotations

import json
import random
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from pushwire.errors import ConfigError
from pushwire.providers import NAMES, load
from pushwire.relay.config import RelayConfig, read
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.corpus import blocks
from tests.fuzz.mutate import JsonMutator, TextMutator

__all__ = ["Configs"]

SECRET: Final = "toml-do-not-show-this"
WORDS: Final = (
    "[[streams]]\n",
    "[sink]\n",
    "[a.b.c]\n",
    "'''",
    '"""',
    "1979-05-27T07:32:00Z",
    "nan",
    "-inf",
    "0xDEAD",
    "1__0",
    "{ env = 1 }",
    "{ file = 5 }",
    "= = =",
    "[" * 3000,
    "{a=" * 3000,
    "a." * 3000 + "b=1",
    "9" * 5000,
    "\\u0000",
    "\\ud800",
    "\x00",
)
VALUES: Final[tuple[object, ...]] = (
    *NAMES,
    *("sqlite", "jsonl", "postgres", "nats"),
    *(0, -1, 0.5, [], {}),
    *("\x00", "ethereum:0x1", "a/b", {"env": "A"}, {"file": "\x00"}),
)
PLACES: Final = re.compile(r"(ledger|sink|limits|timing|http|streams)\b")


class Configs:
    """One file each."""

    name: str = "toml"
    share: int = 3

    def __init__(self) -> None:
        self._folder: Final = tempfile.TemporaryDirectory(prefix="pushwire-fuzz-")
        folder = Path(self._folder.name)
        self._file: Final = folder / "relay.toml"
        secret = folder / "secret"
        secret.write_text(SECRET, encoding="utf-8")
        # The documentation's examples, with secrets that are there.
        examples = [re.sub(r'"/run/secrets/[^"]*"', f'"{secret}"', block) for block in blocks("toml")]
        self._texts: Final = TextMutator(examples, [*WORDS, str(secret)])
        found = [tomllib.loads(text) for text in examples]
        streams = {name: _stream(name, str(secret)) for name in NAMES}
        sinks: list[dict[str, Any]] = [
            {**tree["sink"], "creds": {}} if "creds" in tree["sink"] else tree["sink"] for tree in found if "sink" in tree
        ]
        two = {"gelabs": streams["gelabs"], "prices": streams["bitpanda"]}
        trees: list[object] = [*found, *({"ledger": "ledger.db", "sink": sink, "streams": two} for sink in sinks)]
        trees += [{"ledger": "ledger.db", "sink": sinks[0], "streams": {name: stream}} for name, stream in streams.items()]
        self._trees: Final = JsonMutator(
            [json.dumps(tree, default=str) for tree in trees], [*VALUES, str(secret), {"file": str(secret)}]
        )

    def draw(self, rng: random.Random) -> Case:
        raw: Raw
        if rng.random() < 0.3:
            raw = self._texts.draw(rng)
        else:
            changed = self._trees.draw(rng)
            try:
                raw = "".join(f"{_key(name)} = {_value(value)}\n" for name, value in json.loads(changed).items())
            except (ValueError, RecursionError, AttributeError):
                raw = changed
        return Case(rng.getrandbits(32), (raw,))

    def change(self, rng: random.Random, case: Case) -> Case:
        return Case(case.setup, tuple(self._texts.change(rng, raw) for raw in case.inputs))

    def check(self, case: Case, tally: Tally) -> None:
        for raw in case.inputs:
            self._file.write_bytes(raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass"))
            tally.count(raw, self._outcome())

    def _outcome(self) -> str:
        try:
            found = read(self._file)
        except ConfigError as error:
            assert SECRET not in str(error), "a secret in what is said to be wrong"
            assert error.problems, "an error without a reason"
            known = _names(self._file)
            for problem in error.problems:
                named = problem.startswith((str(self._file), *known)) or PLACES.match(problem)
                assert named, f"names no field: {problem}"
            return "refused"
        assert isinstance(found, RelayConfig)
        assert SECRET not in repr(found), "a secret in the repr"
        return "accepted"


def _stream(name: str, secret: str) -> Mapping[str, object]:
    """A stream that is as it should be."""
    provider = load(name)
    specs = {"bitpanda": "prices-v1:EUR", "gelabs": "ethereum:0x1", "satoriex": "market:m"}
    settings = {"bitpanda": {"url": "wss://a.test/ws"}, "pusher": {"key": "abc"}, "quickpay": {"environment": "sandbox"}}
    return {
        "provider": name,
        "subscribe": [specs.get(name, "bybit")],
        "settings": settings.get(name, {}),
        "secrets": {field: {"file": secret} for field in (*provider.secrets, *({"jwt"} & {*provider.optional_secrets}))},
        "accept_duplicates": True,
    }


def _names(file: Path) -> tuple[str, ...]:
    """What stands at the top of the file."""
    try:
        return tuple(tomllib.loads(file.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        return ()


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=True)


def _value(value: Any) -> str:  # JSON
    """JSON as TOML: what it has no null for is left out."""
    if isinstance(value, dict):
        fields = cast("Mapping[str, object]", value)
        return "{" + ", ".join(f"{_key(name)} = {_value(part)}" for name, part in fields.items() if part is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(part) for part in cast("list[object]", value) if part is not None) + "]"
    return "false" if value is None else json.dumps(value)
