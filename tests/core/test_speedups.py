"""What is done for every message of a read: in Python and compiled it is the same, to the letter of an error."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core import plain, speedups
from pushwire.core.values import DecimalText, is_number

REQUIRED: Final = "PUSHWIRE_REQUIRE_SERVICES"
"""Set where the compiled functions must have been built."""
MISSING: Final = "pushwire.core._speedups was not built: there is no compiler, or PUSHWIRE_PURE was set"


def twins() -> list[ModuleType]:
    """The functions in Python, and compiled."""
    built = importlib.util.find_spec("pushwire.core._speedups") is not None
    return [plain, importlib.import_module("pushwire.core._speedups")] if built else [plain]


TWINS: Final = twins()
each_twin: Final = pytest.mark.parametrize("twin", TWINS, ids=[twin.__name__ for twin in TWINS])


def test_both_are_there() -> None:
    if len(TWINS) < 2:
        if os.environ.get(REQUIRED):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    assert speedups.COMPILED is not bool(os.environ.get("PUSHWIRE_PURE"))


def chosen() -> dict[str, Any]:  # as modules have it
    """What `speedups` has, were it imported now."""
    spec = importlib.util.spec_from_file_location("pushwire.core._anew", speedups.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


@pytest.mark.parametrize("why", ["not built", "not wanted"])
def test_without_the_compiled_ones_it_is_those_in_python(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "not built":
        monkeypatch.setitem(sys.modules, "pushwire.core._speedups", None)
    else:
        monkeypatch.setenv("PUSHWIRE_PURE", "1")
    names = chosen()
    assert names["COMPILED"] is False
    assert all(names[name] is getattr(plain, name) for name in plain.__all__)


@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
def test_the_compiled_ones_are_taken_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHWIRE_PURE", raising=False)
    names = chosen()
    assert names["COMPILED"] is True
    assert all(names[name] is getattr(TWINS[1], name) for name in plain.__all__)


def said(function: Callable[..., object], *arguments: object) -> object:
    """What it answers, or what it raises."""
    try:
        return function(*arguments)
    except (AttributeError, TypeError, UnicodeDecodeError) as error:
        return type(error), str(error)


# Values, in each of the ways in which one may have its attributes


class Member(msgspec.Struct):
    a: object
    b: object


@attrs.define
class Slot:
    a: object
    b: object


class Computed:
    def __init__(self, a: object, b: object) -> None:
        self._pair = a, b

    @property
    def a(self) -> object:
        return self._pair[0]

    @property
    def b(self) -> object:
        return self._pair[1]


class Stranger(Slot):
    """Its slots are not what is read of it."""

    def __getattribute__(self, name: str) -> object:
        return "7" if name in NAMES else super().__getattribute__(name)


def _plainly(a: object, b: object) -> object:
    return SimpleNamespace(a=a, b=b)


NAMES: Final = ("a", "b")
MAKERS: Final[Sequence[Callable[[Any, Any], object]]] = (Member, Slot, Computed, Stranger, _plainly)


def pairs(texts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[object]]:
    """Some values that have such texts."""
    return st.lists(st.builds(_made, st.sampled_from(MAKERS), texts, texts), max_size=5)


def _made(make: Callable[[object, object], object], a: object, b: object) -> object:
    return make(a, b)


NUMERALS = st.text(st.sampled_from("01.-\n\u0661e\ud800"), max_size=6) | st.sampled_from(
    ("1.5", "9" * 78, "9" * 79, "9" * 78 + "." + "9" * 78, "9" * 78 + "." + "9" * 79)
)


def is_decimal(text: str) -> bool:
    try:
        msgspec.convert(text, DecimalText)
    except msgspec.ValidationError:
        return False
    return True


def texts_of(values: Sequence[object]) -> list[Any]:
    return [getattr(value, name) for value in values for name in NAMES]


@each_twin
@given(pairs(NUMERALS | st.just("1.5")))
def test_one_look_at_many_decimals_finds_what_a_look_at_each_would(twin: ModuleType, values: list[object]) -> None:
    assert twin.all_decimals(values, NAMES) is all(map(is_decimal, texts_of(values)))


@each_twin
def test_no_other_character_passes_for_a_digit_wherever_it_stands(twin: ModuleType) -> None:
    for digits in ("1", "120", "1203", "12034", "1234567", "90817263", "908172635", "9081726354455", "1" * 16, "1" * 21):
        for place in range(len(digits)):
            for other in map(chr, range(0x180)):
                text = digits[:place] + other + digits[place + 1 :]
                assert twin.all_whole([Slot(text, "1")], NAMES) is ("0" <= other <= "9")


@each_twin
def test_lengths_are_added(twin: ModuleType) -> None:
    assert twin.total_length([]) == 0
    assert twin.total_length(["abc", b"\xff", "", "\N{EURO SIGN}\U0001f600"]) == 6
    assert twin.total_length(("a",)) == 1


@each_twin
@given(pairs(NUMERALS | st.none() | st.just("") | st.integers(0, 10**79).map(str)))
def test_one_look_at_many_whole_numbers_finds_what_a_look_at_each_would(twin: ModuleType, values: list[object]) -> None:
    assert twin.all_whole(values, NAMES) is all(map(is_number, texts_of(values)))


@each_twin
@given(pairs(st.text(max_size=3) | st.text(st.sampled_from("abAZ@[`{z09"), max_size=70)))
def test_one_look_at_many_texts_finds_whether_any_has_a_capital_or_a_letter_that_is_not_ascii(
    twin: ModuleType, values: list[object]
) -> None:
    expected = all(text.isascii() and text == text.lower() for text in texts_of(values))
    assert twin.all_lower(values, NAMES) is expected


@each_twin
@given(pairs(st.none() | st.booleans() | st.lists(st.none(), max_size=1)))
def test_those_that_have_something_are_found(twin: ModuleType, values: list[Any]) -> None:
    found = twin.having(values, NAMES)
    assert list(map(id, found)) == [id(value) for value in values if value.a or value.b]


@each_twin
def test_one_that_has_something_is_found_beside_one_that_has_nothing(twin: ModuleType) -> None:
    nothing, something = Slot(None, ""), Slot("", [1])
    assert twin.having([nothing, something], NAMES) == [something]
    assert twin.having([nothing, nothing], NAMES) == []


@each_twin
@given(pairs(st.text(max_size=1) | st.none() | st.integers(0, 1) | st.just(1.0) | st.just(float("nan"))))
def test_those_that_all_have_the_same_are_alike(twin: ModuleType, values: list[Any]) -> None:
    assert twin.alike(values, NAMES) is all((value.a, value.b) == (values[0].a, values[0].b) for value in values)


@each_twin
@given(st.lists(st.integers(0, 1) | st.booleans() | st.text(max_size=1), max_size=4))
def test_values_are_of_one_type_or_not(twin: ModuleType, values: list[object]) -> None:
    assert twin.of_one_type(values) is (len({*map(type, values)}) <= 1)


@each_twin
@given(st.lists(st.integers(), max_size=4), st.integers(0, 6))
def test_each_is_given_its_part(twin: ModuleType, parts: list[int], count: int) -> None:
    values = [(Slot, Member)[number % 2]("before", None) for number in range(count)]
    if count > len(parts):
        with pytest.raises(ValueError, match="fewer parts than values"):
            twin.set_each(values, "a", iter(parts))
    else:
        twin.set_each(values, "a", parts)
    given_parts = [*parts, *["before"] * count][:count]
    assert [(value.a, value.b) for value in values] == [(part, None) for part in given_parts]


@each_twin
def test_there_must_be_a_part_for_each_value(twin: ModuleType) -> None:
    with pytest.raises(ValueError, match="fewer parts than values"):
        twin.set_each([Slot("1", "2")], "a", [])


PARTS = st.text(max_size=1) | st.none() | st.booleans() | st.integers(0, 2) | st.tuples() | st.lists(st.none(), max_size=1)


@each_twin
@given(pairs(PARTS))
def test_columns_are_the_same_the_other_way_round(twin: ModuleType, values: list[Any]) -> None:
    columns = twin.columns_of(values, NAMES)
    assert columns == ([value.a for value in values], [value.b for value in values])


@each_twin
@given(st.dictionaries(st.tuples(st.integers(0, 9)), st.none()), st.lists(st.tuples(st.integers(0, 9)), max_size=4))
def test_what_is_new_is_put_up_to_the_first_that_is_known(
    twin: ModuleType, known: dict[tuple[int], object], keys: list[tuple[int]]
) -> None:
    before = list(known.items())
    count = next((at for at, key in enumerate(keys) if key in known or key in keys[:at]), len(keys))
    assert twin.put_new(known, tuple(keys), tuple(range(len(keys)))) == count
    assert list(known.items()) == before + list(zip(keys[:count], range(count), strict=True))


@each_twin
def test_what_comes_behind_one_that_is_known_is_not_put(twin: ModuleType) -> None:
    known = {(2,): "two"}
    assert twin.put_new(known, ((1,), (2,), (3,)), ("one", "again", "three")) == 1
    assert twin.put_new(known, ((3,), (4,)), ("three", "four")) == 2
    assert known == {(2,): "two", (1,): "one", (3,): "three", (4,): "four"}


@each_twin
def test_there_must_be_a_value_for_each_key_and_what_cannot_be_one_is_an_error(twin: ModuleType) -> None:
    known: dict[tuple[object, ...], int] = {}
    for values in ((), (1, 2)):
        with pytest.raises(ValueError, match="not as many values as keys"):
            twin.put_new(known, ((1,),), values)
    assert not known
    assert said(twin.put_new, known, ((1,), ({1},)), (1, 2)) == (TypeError, "unhashable type: 'set'")
    assert known == {(1,): 1}


@each_twin
@given(pairs(PARTS))
def test_rows_are_what_values_have(twin: ModuleType, values: list[Any]) -> None:
    rows = twin.rows_of(values, NAMES)
    assert rows == keys_of(values)
    assert [[*map(type, row)] for row in rows] == [[type(value.a), type(value.b)] for value in values]


@each_twin
def test_a_text_that_is_as_in_the_row_before_is_the_same_object(twin: ModuleType) -> None:
    chains = [f"ethe{end}" for end in ("reum", "reum", "real", "reum")]
    rows = twin.rows_of([Slot(chain, str(number)) for number, chain in enumerate(chains)], NAMES)
    assert rows[0][0] is rows[1][0]
    assert [row[0] for row in rows] == chains
    (first, _), (then, _) = twin.rows_of([Slot(chain, None) for chain in chains[:2]], NAMES)
    assert first is then


@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
def test_the_collector_is_told_of_the_compiled_rows_that_may_be_in_a_cycle_alone() -> None:
    rows = TWINS[1].rows_of([Slot("1", None), Slot(7, True), Slot("1", []), Slot(1.5, "")], NAMES)
    assert list(map(gc.is_tracked, rows)) == [False, False, True, True]


@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
def test_the_collector_does_not_look_at_the_compiled_lists() -> None:
    twin, values = TWINS[1], [Slot("1", []), Slot("2", [])]
    listed = [twin.rows_of(values, NAMES), twin.having(values, NAMES), twin.decode_all(content, ["1"])]
    assert not any(map(gc.is_tracked, (*listed, *twin.columns_of(values, NAMES))))


FINE: Final = [Slot("1", "2.5"), Slot("3", "45.6"), Slot("-7", "0")]


@each_twin
@pytest.mark.parametrize("texts", [("1", "1"), ("1.5", "-2"), ("65000.85350", "9" * 78)])
def test_all_of_these_are_decimals(twin: ModuleType, texts: tuple[str, str]) -> None:
    assert twin.all_decimals([Slot(*texts)], NAMES)
    assert twin.all_decimals([Slot(*texts), *FINE], NAMES)


@each_twin
@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1.2.3", "1\n2", "1\n", "1e5", "NaN", "1_0", " 1", "\u0661", "-", "--1", "9" * 79, "\ud800"]
)
def test_one_that_is_none_is_found_among_others(twin: ModuleType, text: str) -> None:
    for value in (Slot("1.5", text), Slot(text, "2")):
        assert not twin.all_decimals([value], NAMES)
        assert not twin.all_decimals([value, *FINE], NAMES)
        assert not twin.all_decimals([*FINE, value], NAMES)
    assert not twin.all_decimals([Slot("", ".5"), Slot("5.", "1"), *FINE], NAMES)


@each_twin
def test_of_nothing_all_are_numbers(twin: ModuleType) -> None:
    assert twin.all_decimals([], NAMES)
    assert twin.all_whole([], NAMES)
    assert twin.all_whole([Slot(None, "")], NAMES)


@each_twin
@given(pairs(st.text(max_size=2)), pairs(st.text(max_size=2)))
def test_times_are_marked_by_what_values_have(twin: ModuleType, first: list[object], then: list[object]) -> None:
    times: dict[tuple[str, str], float] = {}
    twin.mark_times(times, first, NAMES, 1.0)
    twin.mark_times(times, then, NAMES, 2.0)
    found = {**dict.fromkeys(keys_of(first), 1.0), **dict.fromkeys(keys_of(then), 2.0)}
    assert list(times.items()) == list(found.items())


def keys_of(values: Sequence[Any]) -> list[tuple[str, str]]:
    return [(value.a, value.b) for value in values]


@each_twin
def test_what_a_value_does_not_have_is_an_error(twin: ModuleType) -> None:
    unset = Slot.__new__(Slot)
    for value in (SimpleNamespace(a="1"), unset, Computed, 5):
        for function in (twin.all_decimals, twin.all_lower, twin.all_whole, twin.columns_of, twin.rows_of):
            assert isinstance(said(function, [value], (*NAMES, "c")), tuple)
        assert isinstance(said(twin.having, [value], ("c",)), tuple)
        assert isinstance(said(twin.alike, [value], ("c",)), tuple)
        assert isinstance(said(twin.mark_times, {}, [value], (*NAMES, "c"), 1.0), tuple)
    assert isinstance(said(twin.set_each, [Slot("1", "2")], "c", [1]), tuple)
    assert said(twin.mark_times, {}, [Slot([], "1")], NAMES, 1.0) == (TypeError, "unhashable type: 'list'")


@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
def test_the_compiled_ones_refuse_what_they_were_not_made_for() -> None:
    compiled = TWINS[1]
    with pytest.raises(ValueError, match="more than 16 names"):
        compiled.all_whole([], ("a",) * 17)
    with pytest.raises(ValueError, match="at is negative"):
        compiled.take_texts(b"\x81\x00..", -1, 100, compiled.Messages())
    for function in (compiled.all_whole, compiled.all_lower, compiled.all_decimals):
        with pytest.raises(TypeError):
            function([], ["a"])
        with pytest.raises(TypeError):
            function(5, NAMES)
        with pytest.raises(TypeError):
            function([Slot(5, 5)], NAMES)
    with pytest.raises(TypeError):
        compiled.mark_times([], [], NAMES, 1.0)
    with pytest.raises(TypeError):
        compiled.put_new({}, [], ())
    with pytest.raises(TypeError):
        compiled.put_new({}, (), [])
    with pytest.raises(TypeError):
        compiled.columns_of([], ["a"])
    with pytest.raises(TypeError):
        compiled.of_one_type(5)
    for texts in (5, [5], ["a", None]):
        with pytest.raises(TypeError):
            compiled.total_length(texts)
    with pytest.raises(TypeError):
        compiled.set_each([], 5, [])
    with pytest.raises(TypeError):
        compiled.take_texts("text", 0, 100, compiled.Messages())
    with pytest.raises(TypeError, match="not Messages"):
        compiled.take_texts(b"\x81\x00..", 0, 100, [])
    with pytest.raises(TypeError):
        compiled.decode_all(str, 5)
    with pytest.raises(TypeError):
        compiled.Messages(["a"])
    for value in (None, 5, bytearray()):
        with pytest.raises(TypeError, match="neither a text nor bytes"):
            compiled.Messages().append(value)
    with pytest.raises(TypeError):
        type(compiled.decode_all(as_given, messages_of(compiled, ["a"]))[0])()


class Failing:
    """Has neither its attributes nor an end."""

    @property
    def a(self) -> str:
        raise RuntimeError("no a")

    def __iter__(self) -> Failing:
        return self

    def __next__(self) -> object:
        raise RuntimeError("no next")


@each_twin
def test_what_a_value_raises_is_not_swallowed(twin: ModuleType) -> None:
    for values, problem in (([Failing()], "no a"), (Failing(), "no next")):
        for name in ("all_decimals", "all_lower", "all_whole", "alike", "columns_of", "having", "rows_of"):
            function = getattr(twin, name)
            with pytest.raises(RuntimeError, match=problem):
                function(values, ("a",))
        with pytest.raises(RuntimeError, match=problem):
            twin.mark_times({}, values, ("a",), 1.0)
    for slots, parts in ((Failing(), [1]), ([Slot("1", "2")], Failing())):
        with pytest.raises(RuntimeError, match="no next"):
            twin.set_each(slots, "a", parts)


# Frames


def frame(payload: bytes, *, long: bool = False, first: int = 0x81) -> bytes:
    head = b"\x7e" + len(payload).to_bytes(2) if long or len(payload) > 125 else bytes((len(payload),))
    return bytes((first,)) + head + payload


PAYLOADS = st.text(max_size=50).map(str.encode) | st.binary(max_size=4) | st.integers(0, 300).map(lambda size: b"x" * size)
FRAMES = st.builds(frame, PAYLOADS, long=st.booleans(), first=st.sampled_from([0x81] * 8 + [0x01, 0x82, 0xC1]))


def taken(twin: ModuleType, data: bytes | bytearray, at: int, limit: int) -> object:
    texts = twin.Messages()
    return said(twin.take_texts, data, at, limit, texts), list(texts)


@pytest.mark.fuzz
@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
@given(st.lists(FRAMES | st.binary(max_size=5), max_size=8).map(b"".join), st.integers(0, 40), st.sampled_from([10, 299, 10**6]))
def test_the_same_texts_are_taken_out_of_any_bytes(data: bytes, at: int, limit: int) -> None:
    expected = taken(plain, data, at, limit)
    assert taken(TWINS[1], data, at, limit) == expected
    assert taken(TWINS[1], bytearray(data), at, limit) == expected


@each_twin
def test_whole_plain_texts_are_taken_up_to_the_first_frame_that_is_none(twin: ModuleType) -> None:
    whole = frame(b"one") + frame(b"two", long=True) + frame(b"x" * 300) + frame(b"")
    # Two bytes alone may be the start of more.
    assert taken(twin, whole + b"..", 0, 300) == ((len(whole), 0), ["one", "two", "x" * 300, ""])
    assert taken(twin, whole[:5], 0, 300) == ((5, 0), ["one"])
    assert taken(twin, whole, 5, 300) == ((len(whole) - 2, 0), ["two", "x" * 300])
    assert taken(twin, whole, 0, 299) == ((12, 0), ["one", "two"])
    for other in (
        b"\x81\x83....abc",
        b"\x81\x7f" + bytes(8),
        b"\x01\x01a..",
        b"\xc1\x01a..",
        b"\x82\x01a..",
        b"\x81\x7e\x01\x2dabc",
    ):
        assert taken(twin, whole + other, 0, 300) == ((len(whole), 0), ["one", "two", "x" * 300, ""])
    # What is longer than is there comes with how long it will be.
    for start, size in ((b"\x81\x7e\x00\x09abc", 13), (b"\x81\x03ab", 5), (b"\x81\x7e\x01\x2c" + b"x" * 299, 304)):
        assert taken(twin, whole + start, 0, 300) == ((len(whole), size), ["one", "two", "x" * 300, ""])


@each_twin
def test_those_before_one_that_is_not_utf8_are_taken(twin: ModuleType) -> None:
    (error, _), texts = said_of_bad(twin)
    assert error is UnicodeDecodeError
    assert texts == ["one"]


def said_of_bad(twin: ModuleType) -> Any:  # what `taken` gives
    return taken(twin, frame(b"one") + frame(b"\xff\xfe") + frame(b"two"), 0, 100)


# Messages

ANY: Final = st.text(max_size=3) | st.binary(max_size=3) | st.sampled_from(("{}", "[1,2,3,4,5,6]", "\N{EURO SIGN}"))
INDICES: Final = st.none() | st.integers(-5, 5)
SLICES: Final = st.builds(slice, INDICES, INDICES, INDICES.filter(lambda step: step != 0))


def messages_of(twin: ModuleType, raws: Sequence[str | bytes]) -> Any:  # a class that differs from twin to twin
    """Texts as they come in frames, and bytes."""
    messages = twin.Messages()
    for raw in raws:
        if isinstance(raw, str):
            # What is behind a frame tells that it is not the start of a longer one.
            twin.take_texts(frame(raw.encode()) + b"....", 0, 100, messages)
        else:
            messages.append(raw)
    return messages


@each_twin
@given(st.lists(ANY, max_size=5), ANY, SLICES)
def test_messages_are_a_sequence(twin: ModuleType, raws: list[str | bytes], other: str | bytes, part: slice) -> None:
    messages = messages_of(twin, raws)
    assert issubclass(twin.Messages, Sequence)
    assert messages == raws
    assert raws == messages
    assert messages == messages_of(twin, raws)
    assert messages != [*raws, other]
    assert messages != tuple(raws)
    assert repr(messages) == repr(raws)
    assert bool(messages) is bool(raws)
    assert list(messages) == list(iter(messages)) == raws
    assert list(reversed(messages)) == raws[::-1]
    assert list(messages[part]) == raws[part]
    assert len(messages[part]) == len(raws[part])
    assert (other in messages) is (other in raws)
    assert messages.count(other) == raws.count(other)
    assert said_of_index(messages.index, other) == said_of_index(raws.index, other)
    for at in range(-6, 6):
        assert said_of_index(messages.__getitem__, at) == said_of_index(raws.__getitem__, at)
    assert twin.total_length(messages) == sum(map(len, raws))
    with pytest.raises(TypeError, match="unhashable"):
        hash(messages)
    with pytest.raises(TypeError):
        messages["first"]
    messages.append(other)
    assert list(messages) == [*raws, other]


def said_of_index(ask: Callable[[Any], object], argument: object) -> object:
    try:
        return ask(argument)
    except (IndexError, ValueError) as error:
        return type(error), str(error)


@each_twin
def test_a_part_of_messages_takes_what_is_appended_to_it_alone(twin: ModuleType) -> None:
    messages = messages_of(twin, ["a", "b", "c"])
    part = messages[1:]
    part.append("d")
    assert list(part) == ["b", "c", "d"]
    assert list(messages) == ["a", "b", "c"]


@each_twin
@given(st.lists(ANY, max_size=5))
def test_a_decoder_is_given_what_each_message_is(twin: ModuleType, raws: list[str | bytes]) -> None:
    expected = [raw.encode() if isinstance(raw, str) else raw for raw in raws]
    for messages in (messages_of(twin, raws), raws, tuple(raws)):
        assert twin.decode_all(content, messages) == expected


def content(raw: str | bytes | memoryview) -> bytes:
    return raw.encode() if isinstance(raw, str) else bytes(raw)


def viewed(raw: str | bytes | memoryview) -> str | bytes | memoryview:
    """What a decoder that looks at the bytes where they lie would keep."""
    return raw if isinstance(raw, str) else memoryview(raw)


def as_given(raw: str | bytes | memoryview) -> str | bytes | memoryview:
    return raw


@each_twin
def test_a_decoder_finds_the_same_in_a_message_wherever_it_lies(twin: ModuleType) -> None:
    raws: list[str | bytes] = ['{"a":[1,2.5,"x"]}', '{"b":"\N{EURO SIGN}"}', "7", b'"bytes"', '{"a":']
    decode = msgspec.json.Decoder().decode
    assert twin.decode_all(decode, messages_of(twin, raws[:-1])) == list(map(decode, raws[:-1]))
    for messages in (messages_of(twin, raws), raws):
        with pytest.raises(msgspec.DecodeError) as caught:
            twin.decode_all(decode, messages)
        with pytest.raises(msgspec.DecodeError) as alone:
            decode(raws[-1])
        assert str(caught.value) == str(alone.value)


@each_twin
def test_what_a_decoder_keeps_stays_as_it_was(twin: ModuleType) -> None:
    raws: list[str | bytes] = ["one", "two", "\N{EURO SIGN}", "three", b"four"]
    kept = twin.decode_all(viewed, messages_of(twin, raws))
    assert list(map(content, kept)) == list(map(content, raws))
    raw = twin.decode_all(msgspec.json.Decoder(msgspec.Raw).decode, messages_of(twin, ["[1]", "[2]", "[3]"]))
    assert list(map(bytes, raw)) == [b"[1]", b"[2]", b"[3]"]


@each_twin
def test_what_comes_while_messages_are_decoded_is_decoded_too(twin: ModuleType) -> None:
    messages = messages_of(twin, ["1"])

    def decode(raw: str | bytes | memoryview) -> bytes:
        if len(messages) < 20:
            messages.append(str(len(messages) + 1))
        return content(raw)

    assert twin.decode_all(decode, messages) == [b"%d" % number for number in range(1, 21)]


@pytest.mark.skipif(len(TWINS) < 2, reason=MISSING)
def test_the_compiled_ones_show_the_bytes_that_came_and_make_no_text() -> None:
    messages = TWINS[1].Messages()
    data = frame(b"one") + frame(b"two") + frame("\N{EURO SIGN}".encode())
    TWINS[1].take_texts(data, 0, 100, messages)
    first, second, third = TWINS[1].decode_all(viewed, messages)
    assert (bytes(first), bytes(second), third) == (b"one", b"two", "\N{EURO SIGN}")
    assert first.readonly
    # Bytes that may change are not shown.
    changing = bytearray(data)
    changed = TWINS[1].Messages()
    TWINS[1].take_texts(changing, 0, 100, changed)
    changing[:] = bytes(len(changing))
    assert list(changed) == ["one", "two", "\N{EURO SIGN}"]


# References


@each_twin
def test_nothing_is_kept_of_what_was_looked_at(twin: ModuleType) -> None:
    """A compiled function must let go of all it held, on each of its ways."""
    texts = ["12", "1.5", "no", "\ud800"]
    values = [make(a, b) for make in MAKERS for a in texts for b in texts]
    data = frame(b"one") + frame(b"\xff")
    at = float("1.5")
    seen: list[object] = [*texts, *values, NAMES, data, at, *MAKERS]
    unmarked: list[object] = [Slot([], "1"), SimpleNamespace(a="1")]
    before = [sys.getrefcount(each) for each in seen]
    for _ in range(10):
        for value in values:
            twin.all_decimals([value], NAMES)
            twin.all_whole([value], NAMES)
            twin.having([value], NAMES)
            twin.rows_of([value, value], NAMES)
            twin.columns_of([value, value], NAMES)
            twin.put_new({}, ((at,), (at,)), (value, value))
            said(twin.all_lower, [value], NAMES)
            twin.alike([value, *values], NAMES)
            twin.of_one_type([value, *values])
            twin.total_length((data, *texts))
            twin.mark_times({}, [value], NAMES, at)
        for value in unmarked:
            said(twin.mark_times, {}, [value], NAMES, at)
            said(twin.all_whole, [value], (*NAMES, "c"))
            said(twin.alike, [value], (*NAMES, "c"))
            said(twin.set_each, [Slot("1", "2")], "c", [at])
            twin.set_each([Slot("1", "2")], "a", [at, at])
            said(twin.having, [value], ("c",))
            said(twin.rows_of, [value, value], (*NAMES, "c"))
            said(twin.columns_of, [value, value], (*NAMES, "c"))
            said(twin.put_new, {}, ((at,), ({at},)), (value, value))
        taken(twin, data, 0, 100)
        messages = twin.Messages()
        said(twin.take_texts, data, 0, 100, messages)
        messages.append(texts[0])
        for decode in (type, memoryview, str.encode):
            said(twin.decode_all, decode, messages)
            said(twin.decode_all, decode, texts[:2])
        assert messages[1:] == messages[-1:] == [texts[0]]
        assert (messages.index(texts[0]), messages.count(texts[0]), repr(messages)) == (1, 1, "['one', '12']")
        said(messages.append, values[0])
        del messages
    assert [sys.getrefcount(each) for each in seen] == before
