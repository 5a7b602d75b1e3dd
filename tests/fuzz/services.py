"""The providers' REST calls, as the fuzzer puts them to the test: what each asks, and what answers it."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any, Final

from pushwire.core.secrets import Secret
from pushwire.providers import bitpanda, gelabs, quantcite, satoriex
from pushwire.providers.satoriex.records import (
    Balance,
    FeedPage,
    Market,
    OrderBook,
    OrderRecord,
    Position,
    TradeRecord,
    WalletTransaction,
)
from pushwire.testing import satoriex as satoriex_build
from tests.fuzz.rest import Call, Service
from tests.providers.bitpanda import harness as bitpanda_harness
from tests.providers.gelabs import harness as gelabs_harness
from tests.providers.gelabs import samples
from tests.providers.gelabs.test_rest_replies import CALLS as GELABS_CALLS
from tests.providers.quantcite import harness as quantcite_harness
from tests.providers.quantcite.test_rest_replies import SAMPLES
from tests.providers.quantcite.test_rest_requests import CALLS as QUANTCITE_CALLS
from tests.providers.satoriex import harness as satoriex_harness
from tests.providers.satoriex.test_login import jwt
from tests.providers.satoriex.test_rest import CALLS as SATORIEX_CALLS

__all__ = ["SERVICES"]

SESSION: Final = "session-do-not-show-this"
PASSWORD: Final = "password-do-not-show-this"
"""Of the accounts whose tokens are asked for."""

_GELABS_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "QueryTransfers": gelabs.Page,
    "QueryMultiChain": gelabs.Page,
    "TransfersDetails": gelabs.Listing,
    "TransferDetail": (gelabs.Transaction, NoneType),
    "DexPoolTrades": gelabs.Listing,
    "AddAddresses": str,
    "RemoveAddresses": str,
    "ChangeAddresses": str,
    "ContainsAddress": bool,
    "Status": gelabs.Connections,
    "Replay": gelabs.Replayed,
}
_QUANTCITE_KINDS: Final[dict[str, type]] = {
    "Authenticate": quantcite.Account,
    "SessionStatus": quantcite.SessionState,
    "QueryTransactions": quantcite.TransactionPage,
    "CheckCredentials": quantcite.Validation,
    "TransactionTypes": quantcite.TypeCatalogue,
    "ListExchanges": quantcite.SupportedExchange,
    "CredentialSources": quantcite.CredentialPolicy,
    "DataUsage": quantcite.Usage,
    "Health": quantcite.ApiHealth,
}
_FILL: Final[dict[str, Any]] = {"price": 4100, "quantity": 5, "side": 1}  # JSON
_ORDER: Final[dict[str, Any]] = {  # JSON
    **_FILL,
    "id": "ord_1",
    "market_id": "m",
    "outcome_id": "o",
    "status": "open",
    "trades": [_FILL],
}
_MARKET: Final[dict[str, Any]] = {"id": "m", "status": "trading", "min_size": 5, "outcomes": [{"id": "yes"}]}  # JSON
_BOOK: Final[dict[str, Any]] = {"outcome_id": "o", "bids": [{"price": 4100, "quantity": 5}], "asks": [[4300, 1]]}  # JSON
_SATORIEX: Final[dict[str, tuple[Any, type]]] = {  # JSON
    "POST /orders": ({"order": _ORDER, "trades": []}, OrderRecord),
    "POST /orders/ord_1/cancel": (_ORDER, OrderRecord),
    "GET /orders": ({"items": [_ORDER]}, OrderRecord),
    "GET /orders/ord_1": (_ORDER, OrderRecord),
    "GET /markets": ([_MARKET], Market),
    "GET /markets/m": (_MARKET, Market),
    "GET /markets/m/trades": ({"trades": [_FILL]}, TradeRecord),
    "GET /markets/m/orderbook": ({"outcomes": [_BOOK]}, OrderBook),
    "GET /orderbook/m/o": (_BOOK, OrderBook),
    "GET /feed": ({"items": [{"market_id": "m"}], "page": 1, "size": 20, "total": 41}, FeedPage),
    "GET /me/positions": ([{"market_id": "m", "shares": 30, "avg_buy_price": 4150, "cost_basis": 12.45}], Position),
    "GET /wallet/balance": ({"available": 0.1, "locked": "2.50"}, Balance),
    "GET /wallet/transactions": ([{"id": "tx_1", "amount": "-5"}], WalletTransaction),
}


def _rows(*ids: object) -> str:
    """A page of a query, its rows with ids to go on from."""
    row: dict[str, Any] = json.loads(samples.QUERY_REPLY)["data"][0]  # JSON
    return json.dumps({"code": 1, "msg": "success", "data": [{**row, "id": number} for number in ids]})


def _replied(data: Any) -> str:  # JSON
    return satoriex_build.reply(data).body.decode()


_TOKENS: Final = {"access_token": "access-do-not-show-this", "refresh_token": "refresh-do-not-show-this"}
_LOGIN: Final = satoriex.Login(email="a@example.org", password=Secret(PASSWORD))
_CLIENT: Final = bitpanda.ClientCredentials(token_url="https://auth.test/token", client_id="me", client_secret=Secret(PASSWORD))
_OWN: Final = quantcite_harness.WITH_PASSPHRASE

SERVICES: Final = (
    Service(
        name="bitpanda",
        config=bitpanda_harness.config(),
        token=bitpanda_harness.TOKEN,
        calls=[Call(_CLIENT, json.dumps({**_TOKENS, "expires_in": 600, "token_type": "Bearer"}), Secret)],
        answers=[
            '{"error":"invalid_grant","error_description":"it is too old"}',
            '{"error":"invalid_client"}',
            '{"errors":[{"code":"unauthorized","title":"no"}]}',
        ],
        secrets=[PASSWORD],
        share=2,
    ),
    Service(
        name="gelabs",
        config=gelabs_harness.config(),
        token=SESSION,
        calls=[
            *(Call(call, body.decode(), _GELABS_KINDS[name]) for name, (call, body) in GELABS_CALLS.items()),
            Call(gelabs.QueryTransfers("0x1", limit=1), _rows(7), gelabs.Page),
            Call(gelabs.QueryTransfers("0x1", limit=2), _rows(9, "8"), gelabs.Page),
        ],
        answers=[
            samples.DETAIL_NOT_FOUND.decode(),
            _rows(1),
            _rows(2),
            _rows(3),
            '{"code":500,"msg":"no such chain","data":null}',
            '{"code":401,"message":"wrong key"}',
        ],
        secrets=[gelabs_harness.KEY],
        share=6,
    ),
    Service(
        name="quantcite",
        config=quantcite_harness.config(),
        token=SESSION,
        calls=[
            *(Call(call, json.dumps(SAMPLES[name]), _QUANTCITE_KINDS[name]) for name, (call, _, _) in QUANTCITE_CALLS.items()),
            Call(
                quantcite.QueryTransactions("okx", credentials=_OWN),
                json.dumps(SAMPLES["QueryTransactions"]),
                quantcite.TransactionPage,
            ),
            Call(
                quantcite.CheckCredentials("okx", credentials=_OWN), json.dumps(SAMPLES["CheckCredentials"]), quantcite.Validation
            ),
            Call(quantcite_harness.config().grant(), json.dumps(SAMPLES["Authenticate"]), Secret),
        ],
        answers=[
            '{"success":false,"error":"session_expired","message":"Session has expired"}',
            '{"success":false,"error":"rate_limit_exceeded","message":"too many","retry_after":5}',
            '{"success":false,"error":"invalid_api_key","message":"Invalid API key"}',
        ],
        secrets=[*quantcite_harness.HIDDEN, SESSION],
        share=6,
    ),
    Service(
        name="satoriex",
        config=satoriex_harness.config(),
        token=SESSION,
        calls=[
            *(Call(call, _replied(_SATORIEX[name][0]), _SATORIEX[name][1]) for name, call in SATORIEX_CALLS.items()),
            Call(SATORIEX_CALLS["POST /orders"], satoriex_build.refusal(50000, "internal error").body.decode(), OrderRecord),
            Call(_LOGIN, _replied({**_TOKENS, "access_token": jwt({"exp": 1_900_000_000, "iat": 1})}), Secret),
        ],
        answers=[
            satoriex_build.refusal(2002, "token expired").body.decode(),
            satoriex_build.refusal(5007, "ErrClosed", trace_id="abc").body.decode(),
            satoriex_build.refusal(50000, "internal error", trace_id="abc").body.decode(),
        ],
        secrets=[SESSION, PASSWORD],
        share=5,
    ),
)
