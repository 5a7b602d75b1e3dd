"""gelabs address-transfer monitoring: on-chain transactions, each ACKed and sent again until it is."""

from ...core.effects import Identity
from ...core.events import AckRefused, Delivery, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from . import webhook
from .commands import GetTransaction, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES, GREETING, GelabsMachine
from .messages import Event, Subscribed, Unsubscribed
from .movements import Asset, Movement
from .paths import PATHS
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
from .rows import InternalCall, TokenTransfer, UtxoInput, UtxoOutput
from .topics import CHAIN_IDS, Topic
from .transactions import Transaction

__all__ = [
    "CHAIN_IDS",
    "CLOSES",
    "GREETING",
    "PATHS",
    "AckRefused",
    "AddAddresses",
    "AddressGroup",
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
