"""The business identity's own list of monitored addresses (seeds/002…, "Address management module").

It is kept by the provider, unlike what a stream's `Subscribe` asks for. That an address was added is no proof that it is watched:
where handing it to the provider's monitor fails, the reply does not say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs
import msgspec

from ....core.fields import some_text
from ....errors import LocalProtocolError
from ..topics import fold
from .call import Call, Method, json_body
from .fields import as_texts, as_tuple, listed, texts

__all__ = ["AddAddresses", "ChangeAddresses", "ContainsAddress", "RemoveAddresses", "Wallet"]


@attrs.frozen
class Wallet:
    """Addresses on one chain, at least one."""

    chain_type: str = attrs.field(validator=some_text)
    addresses: tuple[str, ...] = attrs.field(converter=as_texts, validator=texts())


def _as_wallets(value: Iterable[Wallet]) -> tuple[Wallet, ...]:
    return as_tuple(value)


class _Change(Call[str]):
    """A change of the list. It answers what the provider says of it, `success` in the document. Repeating it changes nothing."""

    def read(self, data: bytes) -> str:
        said = msgspec.json.decode(data)
        return said if isinstance(said, str) else data.decode()


@attrs.frozen
class _Wallets(_Change):
    method: ClassVar[Method] = "POST"

    wallets: tuple[Wallet, ...] = attrs.field(converter=_as_wallets, validator=listed(Wallet))

    def content(self) -> bytes:
        return json_body({"wallets": [{"chain_type": one.chain_type, "address": one.addresses} for one in self.wallets]})


@attrs.frozen
class AddAddresses(_Wallets):
    """Monitor these addresses from now on, on every connection of the key and by webhook."""

    name: ClassVar[str] = "AddAddresses"


@attrs.frozen
class RemoveAddresses(_Wallets):
    """Monitor these addresses no longer."""

    name: ClassVar[str] = "RemoveAddresses"


@attrs.frozen
class ChangeAddresses(_Change):
    """Add and remove addresses of one chain at once: at least one, and none of them both."""

    name: ClassVar[str] = "ChangeAddresses"
    method: ClassVar[Method] = "PATCH"

    chain_type: str = attrs.field(validator=some_text)
    adds: tuple[str, ...] = attrs.field(default=(), converter=as_texts, validator=texts(0), kw_only=True)
    removes: tuple[str, ...] = attrs.field(default=(), converter=as_texts, validator=texts(0), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.adds and not self.removes:
            raise LocalProtocolError("ChangeAddresses: adds or removes must hold an address")
        both = _folded(self.adds) & _folded(self.removes)
        if both:
            raise LocalProtocolError(f"ChangeAddresses: {', '.join(sorted(both))} cannot be both added and removed")

    def content(self) -> bytes:
        return json_body({"chain_type": self.chain_type, "adds": self.adds, "removes": self.removes})


def _folded(addresses: Iterable[str]) -> set[str]:
    return {fold(address) for address in addresses}


@attrs.frozen
class ContainsAddress(Call[bool]):
    """Whether the address is monitored on this chain for anybody: the provider does not ask for whom."""

    name: ClassVar[str] = "ContainsAddress"
    method: ClassVar[Method] = "POST"

    chain_type: str = attrs.field(validator=some_text)
    address: str = attrs.field(validator=some_text)

    def content(self) -> bytes:
        return json_body({"chain_type": self.chain_type, "address": self.address})

    def read(self, data: bytes) -> bool:
        return msgspec.json.decode(data, type=_Contained).is_exist


class _Contained(msgspec.Struct):
    is_exist: bool
