"""Makes what strangers may send out of what providers do send: from a corpus of JSON texts, by one `random.Random`.

Most of what comes out is still JSON, and wrong in one or two places; the rest is wrong in its text or its bytes. Speed matters
here: a million of these are made for each run.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias, cast

from tests.fuzz.case import Raw
from tests.fuzz.tokens import BYTES, HUGE, PIECES, SCALARS

__all__ = ["JsonMutator", "TextMutator"]

Json: TypeAlias = Any

# How often; what is left are the rough changes.
_AS_IT_IS: Final = 0.15
_TREE: Final = 0.70
_HUGE: Final = 0.008
_MARK: Final = "\ue000"
"""Around the number of a piece of text that is put in when the tree has been encoded."""


class TextMutator:
    """Changes texts and bytes without knowing what they mean. `words` are put in now and then."""

    def __init__(self, corpus: Sequence[str], words: Sequence[str] = ()) -> None:
        self.corpus: Final = tuple(corpus)
        self.words: Final = tuple(word.encode(errors="surrogatepass") for word in (*words, *PIECES))

    def draw(self, rng: random.Random) -> Raw:
        """One of the corpus, changed."""
        raw = self.pick(rng)
        return raw if rng.random() < _AS_IT_IS else self.rough(rng, raw)

    def change(self, rng: random.Random, raw: Raw) -> Raw:
        """Something like this."""
        return self.rough(rng, raw)

    def pick(self, rng: random.Random) -> str:
        return self.corpus[int(rng.random() * len(self.corpus))]

    def rough(self, rng: random.Random, raw: Raw) -> Raw:
        """The text with a few of its bytes changed."""
        random_ = rng.random
        if random_() < _HUGE:
            return HUGE[int(random_() * len(HUGE))]
        data = bytearray(raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass"))
        for _ in range(1 + int(random_() * 3)):
            self._damage(rng, data)
        kind = random_()
        if kind < 0.4:
            return bytes(data)
        # As text: what no text can be is left out, or is half a surrogate pair, as no socket would give it.
        return data.decode(errors="replace" if kind < 0.7 else "surrogateescape")

    def _damage(self, rng: random.Random, data: bytearray) -> None:
        random_ = rng.random
        at, until = int(random_() * (len(data) + 1)), int(random_() * (len(data) + 1))
        few = at + int(random_() * 5)
        match int(random_() * 11):
            case 0 if at < len(data):
                data[at] ^= 1 << int(random_() * 8)
            case 1:
                data[at:at] = rng.randbytes(1 + int(random_() * 4))
            case 2:
                del data[at:few]
            case 3:
                del data[at:]
            case 4:
                del data[at:until]
            case 5:
                data[at:at] = data[at : at + int(random_() * 40)] * (1 + int(random_() * 3))
            case 6:
                other = self.pick(rng).encode(errors="surrogatepass")
                data[at:] = other[int(random_() * len(other)) :]
            case 7:
                data[at:few] = self.words[int(random_() * len(self.words))]
            case 8:
                data[at:at] = self.words[int(random_() * len(self.words))]
            case _:
                data[at:at] = BYTES[int(random_() * len(BYTES))]


class JsonMutator(TextMutator):
    """Knows that the corpus is JSON. Values and names are taken from all of it; `values` besides."""

    def __init__(self, corpus: Sequence[str], values: Sequence[object] = ()) -> None:
        parts = [part for text in corpus for part in _parts(text)]
        self.names: Final = sorted({name for part in parts if isinstance(part, dict) for name in cast("dict[str, Json]", part)})
        super().__init__(corpus, [f'"{name}":' for name in self.names])
        # By their texts: what is put in is decoded anew each time, so that no two trees share a part.
        found = {json.dumps(part) for part in (*parts, *values)}
        self._donors: Final = sorted(text for text in found if len(text) < 2000)
        self._own: Final = [json.dumps(value) for value in values]

    def draw(self, rng: random.Random) -> Raw:
        raw = self.pick(rng)
        kind = rng.random()
        if kind < _AS_IT_IS:
            return raw
        return self.tree(rng, raw) if kind < _TREE + _AS_IT_IS else self.rough(rng, raw)

    def change(self, rng: random.Random, raw: Raw) -> Raw:
        text = raw if isinstance(raw, str) else raw.decode(errors="replace")
        return self.tree(rng, text) if rng.random() < _TREE else self.rough(rng, raw)

    def tree(self, rng: random.Random, text: str) -> Raw:
        """The JSON text with some of its values, at any depth, replaced, removed, moved or added to."""
        try:
            changed = self._changed(rng, json.loads(text))
        except (ValueError, RecursionError):
            return self.rough(rng, text)
        return self.rough(rng, changed) if rng.random() < 0.05 else changed

    def _changed(self, rng: random.Random, value: Json) -> str:
        random_ = rng.random
        root = [value]
        for _ in range(1 + int(random_() * random_() * 4)):
            self._change_in(rng, root)
            if not root:
                root.append(None)
        value = root[0]
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=random_() < 0.5)
        while _MARK in text:
            before, number, after = text.split(_MARK, 2)
            text = before.removesuffix('"') + PIECES[int(number)] + after.removeprefix('"')
        if random_() < 0.05 and "{" in text:
            # A name that comes twice.
            places = text.split("{")
            at = 1 + int(random_() * (len(places) - 1))
            name = json.dumps(self.names[int(random_() * len(self.names))]) if self.names else '""'
            text = "{".join(places[:at]) + f"{{{name}:{self._donor(rng)}," + "{".join(places[at:])
        return text

    def _change_in(self, rng: random.Random, root: list[Json]) -> None:
        random_ = rng.random
        holder: Json = root
        key: Json = 0
        # Down from the root to some value.
        while True:
            if isinstance(holder, dict):
                keys = list(cast("dict[str, Json]", holder))
                key = keys[int(random_() * len(keys))]
                if len(keys) > 1 and not isinstance(holder[key], dict | list) and random_() < 0.5:
                    # Else little would change where the most is.
                    key = keys[int(random_() * len(keys))]
            else:
                key = int(random_() * len(holder))
            child: Json = cast("Json", holder[key])
            if not isinstance(child, dict | list) or not child or random_() < 0.15:
                break
            holder = cast("Json", child)
        if isinstance(child, str) and child[:1] in {"{", "["} and random_() < 0.75:
            # JSON within a text, as some providers send it.
            try:
                holder[key] = self._changed(rng, json.loads(child))
            except (ValueError, RecursionError):
                pass
            else:
                return
        self._alter(rng, holder, key, child)

    def _alter(self, rng: random.Random, holder: Json, key: Json, child: Json) -> None:
        random_ = rng.random
        kind = random_()
        if kind < 0.60:
            holder[key] = self._value(rng)
        elif kind < 0.72:
            del holder[key]
        elif kind < 0.82:
            into: Json = cast("Json", child if isinstance(child, dict) else holder)
            if isinstance(into, dict) and self.names:
                into[self.names[int(random_() * len(self.names))]] = self._value(rng)
            elif isinstance(into, list):
                cast("Json", into).append(self._value(rng))
        elif kind < 0.88:
            holder[key] = [child] if random_() < 0.5 else {key if isinstance(key, str) else "": child}
        elif kind < 0.94:
            holder[key] = child if isinstance(child, str) else json.dumps(child)
        elif isinstance(child, list) and child:
            holder[key] = child * (1 + int(random_() * 4))
        elif isinstance(child, str):
            cut = int(random_() * (len(child) + 1))
            holder[key] = child[:cut] + child[cut:].swapcase() if random_() < 0.5 else child[:cut]
        else:
            holder[key] = json.dumps(child)

    def _value(self, rng: random.Random) -> Json:
        random_ = rng.random
        kind = random_()
        if kind < 0.40:
            return json.loads(self._donor(rng))
        if kind < 0.50 and self._own:
            return json.loads(self._own[int(random_() * len(self._own))])
        if kind < 0.84:
            return SCALARS[int(random_() * len(SCALARS))]
        if kind < 0.95:
            return f"{_MARK}{int(random_() * len(PIECES))}{_MARK}"
        return [] if random_() < 0.5 else {}

    def _donor(self, rng: random.Random) -> str:
        return self._donors[int(rng.random() * len(self._donors))]


def _parts(value: Json) -> Iterator[Json]:
    """A value and all within it, what JSON there is in texts included."""
    yield value
    if isinstance(value, dict):
        for child in cast("dict[str, Json]", value).values():
            yield from _parts(child)
    elif isinstance(value, list):
        for place in range(len(cast("Sequence[Json]", value))):
            yield from _parts(value[place])
    elif isinstance(value, str) and value[:1] in {"{", "["}:
        with contextlib.suppress(ValueError):
            yield from _parts(json.loads(value))
