"""TOML tables into settings, strictly, every wrong field named at once and no value shown.

What lives here: what `config` and `sink_settings` share. What the settings are is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar, cast

import attrs
import cattrs

from ..core.secrets import Secret
from ..core.strict import strict_converter
from ..errors import ConfigError

__all__ = ["SecretFrom", "as_table", "secret_from", "structure"]

T = TypeVar("T")

_MARK: Final = "\0"
_CONVERTER: Final = strict_converter()
_CONVERTER.register_structure_hook_func(lambda kind: kind == Mapping[str, object], lambda value, _: as_table(value))


@attrs.frozen(kw_only=True)
class SecretFrom:
    """Where a secret is, in place of the secret itself: `{ env = NAME }` or `{ file = PATH }`."""

    env: str | None = None
    file: str | None = None

    def get(self) -> Secret:
        """Raises `ConfigError`."""
        if self.env is not None and self.file is None:
            return Secret.env(self.env)
        if self.file is not None and self.env is None:
            return Secret.file(self.file)
        raise ConfigError(["must be { env = NAME } or { file = PATH }"])


def as_table(value: object) -> dict[str, object]:
    """Raises `TypeError`."""
    if not isinstance(value, dict):
        raise TypeError("not a table")
    return cast("dict[str, object]", value)


def structure(place: str, value: object, kind: type[T], problems: list[str]) -> T | None:
    """`value` as `kind`, an attrs class. What is wrong is added to `problems` with its place; None where it cannot be made."""
    try:
        known = {field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind))}
        table = as_table(value)
        # Named here, since cattrs looks at nothing else where it finds one.
        problems += (f"{place}.{name}: there is no such setting" for name in table if name not in known)
        return _CONVERTER.structure({name: part for name, part in table.items() if name in known}, kind)
    except cattrs.BaseValidationError as error:
        for line in cattrs.transform_error(error, format_exception=_explain):
            what, _, where = line.rpartition(" @ $")
            problems += (f"{place}{where}{part}" for part in what.split(_MARK))
    except TypeError as error:
        problems.append(f"{place}: {error}")
    return None


def secret_from(name: str, source: Mapping[str, object], variable: str | None, problems: list[str]) -> Secret | None:
    """The secret that `source` says where to find, else the one that `variable` names; None where there is none, and what is
    wrong added to `problems`."""
    where = structure(name, source, SecretFrom, problems) if source else None
    try:
        if where is not None:
            return where.get()
        return None if source or variable is None else Secret.find(variable)
    except ConfigError as error:
        problems += (f"{name}: {problem}" for problem in error.problems)
    return None


def _explain(error: BaseException, kind: type | None) -> str:
    """What is wrong, without the value; of a class whose fields do not fit, each of them."""
    if isinstance(error, ConfigError):
        return _MARK.join(f".{problem}" for problem in error.problems)
    if isinstance(error, TypeError | ValueError) and not isinstance(error, cattrs.errors.ForbiddenExtraKeysError):
        return f": {error}"
    return f": {cattrs.v.format_exception(error, kind)}"
