"""gelabs address-transfer monitoring: on-chain transactions, each ACKed and sent again until it is."""

from typing import TYPE_CHECKING

from ...core.effects import Identity
from ...core.events import AckRefused, Delivery, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from ...lazy import lazily
from .commands import GetTransaction, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES, GREETING, GelabsMachine
from .messages import Event, Subscribed, Unsubscribed
from .movements import Asset, Movement
from .paths import PATHS
from .rows import InternalCall, TokenTransfer, UtxoInput, UtxoOutput
from .topics import CHAIN_IDS, Topic
from .transactions import Arrival, Transaction

if TYPE_CHECKING:
    from . import webhook
    from .rest import (
        AddAddresses,
        AddressGroup,
        ChangeAddresses,
        ClientConnection,
        Connections,
        ContainsAddress,
        DexPoolTrades,
        Listing,
        Page,
        QueryMultiChain,
        QueryTransfers,
        RemoveAddresses,
        Replay,
        Replayed,
        Status,
        TransferDetail,
        TransfersDetails,
        Wallet,
    )

__all__ = [
    "CHAIN_IDS",
    "CLOSES",
    "GREETING",
    "PATHS",
    "AckRefused",
    "AddAddresses",
    "AddressGroup",
    "Arrival",
    "Asset",
    "ChangeAddresses",
    "ClientConnection",
    "Config",
    "Connections",
    "ContainsAddress",
    "Delivery",
    "DexPoolTrades",
    "Down",
    "Event",
    "Gap",
    "GelabsMachine",
    "GetTransaction",
    "Identity",
    "InternalCall",
    "Listing",
    "Malformed",
    "Movement",
    "Page",
    "QueryMultiChain",
    "QueryTransfers",
    "RemoveAddresses",
    "Replay",
    "Replayed",
    "Stale",
    "Status",
    "Subscribe",
    "Subscribed",
    "SubscriptionRefused",
    "TokenTransfer",
    "Topic",
    "Transaction",
    "TransferDetail",
    "TransfersDetails",
    "Unrecognized",
    "Unsubscribe",
    "Unsubscribed",
    "Up",
    "UtxoInput",
    "UtxoOutput",
    "Wallet",
    "webhook",
]

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name
    __getattr__, __dir__ = lazily(__name__, __all__, "rest", "webhook")
