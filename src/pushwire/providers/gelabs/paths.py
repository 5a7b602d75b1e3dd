"""Where gelabs' REST calls go (providers/gelabs.md, 3).

Another revision of the provider's pages has other paths on the same host, so each can be set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeGuard, cast
from urllib.parse import quote

__all__ = ["API_URL", "PATHS", "as_paths", "expand", "paths_problem"]

API_URL: Final = "https://api.gelabs.org"

PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "QueryTransfers": "/tx/api/v1/transfers/query",
        "QueryMultiChain": "/tx/api/v1/transfers/multi-chain",
        "TransfersDetails": "/tx/api/v1/transfers/details",
        "TransferDetail": "/tx/api/v1/transfers/detail",
        "DexPoolTrades": "/tx/api/v1/dex-pools/{pool}/trades",
        "AddAddresses": "/tx/api/v1/addresses",
        "RemoveAddresses": "/tx/api/v1/addresses/batch-delete",
        "ChangeAddresses": "/tx/api/v1/addresses",
        "ContainsAddress": "/tx/api/v1/addresses/contains",
        "Status": "/tx/api/v1/transaction/ws/status",
        "Replay": "/tx/api/v1/transaction/ws/replay",
    }
)
"""By the name of the call. `{field}` stands for a field of the call, which then leaves the query."""

_FIELDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"DexPoolTrades": frozenset({"pool"}), "TransferDetail": frozenset({"tx_hash", "chain_type", "chain_id"})}
)
"""What may stand in a path; a pool must."""
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]*")


def _is_texts(value: object) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(name, str) and isinstance(path, str) for name, path in items)


def as_paths(value: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's paths beside the documented ones; what is none is left to the check."""
    return MappingProxyType({**PATHS, **value}) if value is not PATHS and _is_texts(value) else value


def paths_problem(value: object) -> str | None:
    """What is wrong with a setting of paths, None: nothing."""
    if not _is_texts(value):
        return "must map names of calls to paths"
    for name, path in value.items():
        if name not in PATHS:
            return f"there is no call {name!r} (there are {', '.join(PATHS)})"
        if not _PATH.fullmatch(path):
            return f"the path of {name} must begin with a slash, without query or fragment"
        named = _PLACE.findall(path)
        if not _FIELDS.get(name, frozenset()).issuperset(named) or path.count("{") != len(named) or path.count("}") != len(named):
            return (
                f"the path of {name} may hold {' '.join(f'{{{field}}}' for field in sorted(_FIELDS.get(name, ()))) or 'no field'}"
            )
        if name == "DexPoolTrades" and not named:
            return "the path of DexPoolTrades must hold {pool}"
    return None


def expand(path: str, fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The path with its fields in place, and the fields that do not stand in it."""
    named = frozenset(_PLACE.findall(path))
    filled = _PLACE.sub(lambda match: quote(fields[match[1]], safe=""), path)
    return filled, {name: value for name, value in fields.items() if name not in named}
