"""QuantCite's REST calls as values (providers/quantcite.md, 3): each makes a request of its own fields and reads its own reply.

All but the public ones need a session: it is got with the API key, lasts 24 hours and cannot be renewed, only got anew. Nothing
here sends anything. A text of the provider is shown where it cannot hold the key.
"""

from __future__ import annotations

import abc
import contextlib
import re
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, TypeVar
from urllib.parse import quote

import attrs
import msgspec

from ...core.fields import some_text, whole
from ...core.http import Endpoint, Request, Response
from ...core.secrets import Redactor, Secret
from ...core.tokens import Grant, Tokens
from ...errors import AuthenticationRefused, CommandRefused, LocalProtocolError, RemoteProtocolError
from .commands import credentials_fields, missing_passphrase, some_credentials, some_types
from .messages import SupportedExchange, Validation, seconds
from .replies import Account, ApiHealth, CredentialPolicy, SessionState, TransactionPage, TypeCatalogue, Usage
from .settings import BUCKET, KEY_PLACE, Settings
from .topics import Credentials
from .troubles import is_key_error

__all__ = [
    "Authenticate",
    "CheckCredentials",
    "CredentialSources",
    "DataUsage",
    "Health",
    "ListExchanges",
    "QueryTransactions",
    "SessionGrant",
    "SessionStatus",
    "TransactionTypes",
]

ReplyT_co = TypeVar("ReplyT_co", covariant=True)

UNAUTHORIZED: Final = 401
_NAME: Final = re.compile(r"[a-z]+(_[a-z]+)*")
"""How the provider names errors."""


class _Problem(msgspec.Struct):
    error: str | None = None
    message: str | None = None
    success: bool | None = None
    retry_after: msgspec.Raw = msgspec.Raw(b"null")


_decode_problem: Final = msgspec.json.Decoder(_Problem).decode


class Call(Endpoint[Settings, ReplyT_co]):
    """A QuantCite REST call."""

    buckets: ClassVar[tuple[str, ...]] = (BUCKET,)
    method: ClassVar[Literal["GET", "POST"]] = "GET"

    def request(self, config: Settings, token: Secret | None) -> Request:
        headers: dict[str, str | Secret] = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = Secret(f"Bearer {token.reveal()}")
        content = self.content(config)
        if content is not None:
            headers["Content-Type"] = "application/json"
        return Request(self.method, self.url(config), headers, b"" if content is None else msgspec.json.encode(content))

    def url(self, config: Settings) -> str | Secret:
        return config.api_url.rstrip("/") + config.paths[type(self).__name__]

    def content(self, config: Settings) -> Mapping[str, object] | None:
        """The body, None: there is none."""
        return None

    def decode(self, response: Response) -> ReplyT_co:
        if not 200 <= response.status < 300:
            raise self.refusal(response)
        try:
            return self.read(response.body)
        except (ValueError, RecursionError) as error:
            raise RemoteProtocolError(f"{type(self).__name__}: malformed reply: {self.redacted(str(error))}") from None

    @abc.abstractmethod
    def read(self, body: bytes) -> ReplyT_co:
        """The reply in the body of a success. Raises `ValueError`, or what is to be raised."""

    def refusal(self, response: Response) -> CommandRefused | AuthenticationRefused | RemoteProtocolError:
        """What a response says that is no success."""
        name = type(self).__name__
        try:
            problem = _decode_problem(response.body)
        except (ValueError, RecursionError):
            problem = _Problem()
        error, text = self.shown(problem.error or ""), self.shown(problem.message or "")
        if response.status == UNAUTHORIZED or is_key_error(problem.error):
            said = ": ".join(part for part in (error, text) if part)
            return AuthenticationRefused(f"{name}: {said or 'refused'}", status=response.status)
        if problem.error is None:
            return RemoteProtocolError(f"{name}: HTTP {response.status} without an error of the provider")
        return CommandRefused(name, error, text, retry_after=seconds(problem.retry_after) or response.retry_after)

    def shown(self, text: str) -> str:
        """A text of the provider, without secrets of ours."""
        return self.redacted(text)

    def redacted(self, text: str) -> str:
        """A text that may repeat what the provider says, without those that this call holds."""
        return text


class _NamesTheKey(Call[ReplyT_co]):
    """A call with the key in it: what the provider says of it may repeat the key, so names of errors alone are shown."""

    auth: ClassVar[Literal["none", "token"]] = "none"

    def shown(self, text: str) -> str:
        return text if _NAME.fullmatch(text) else ""


@attrs.frozen
class Authenticate(_NamesTheKey[Account]):
    """Get a session. An `Api` does so by itself; the reply says besides whose key it is."""

    method: ClassVar[Literal["GET", "POST"]] = "POST"

    def content(self, config: Settings) -> Mapping[str, object]:
        return {"api_key": config.api_key.reveal()}

    def read(self, body: bytes) -> Account:
        account = Account.parse(body)
        if account is None:
            raise AuthenticationRefused(f"Authenticate: {self.shown(_decode_problem(body).error or '') or 'refused'}")
        return account


@attrs.frozen
class SessionGrant(Grant):
    """How an `Api` gets its sessions."""

    settings: Settings

    buckets: ClassVar[tuple[str, ...]] = (BUCKET,)

    def request(self, held: Tokens | None) -> Request:
        return Authenticate().request(self.settings, None)

    def decode(self, response: Response, held: Tokens | None, wall: float) -> Tokens:
        account = Authenticate().decode(response)
        return Tokens(account.session_token, wall, None if account.expires_at is None else account.expires_at / 1000)


@attrs.frozen
class SessionStatus(Call[SessionState]):
    """Whether the session is still good. That it is not is a reply, no error."""

    def decode(self, response: Response) -> SessionState:
        if response.status == UNAUTHORIZED:
            with contextlib.suppress(ValueError, RecursionError):
                return self.read(response.body)
        return super().decode(response)

    def read(self, body: bytes) -> SessionState:
        return msgspec.json.decode(body, type=SessionState)


class _WithCredentials(Call[ReplyT_co]):
    """A POST that may have credentials for an exchange in it."""

    method: ClassVar[Literal["GET", "POST"]] = "POST"

    exchange: str
    testnet: bool
    credentials: Credentials | None

    def content(self, config: Settings) -> Mapping[str, object]:
        problem = missing_passphrase(self.exchange, self.credentials, config.requiring)
        if problem is not None:
            raise LocalProtocolError(f"{type(self).__name__}: {problem}")
        fields: dict[str, object] = {
            "exchange": self.exchange,
            "testnet": self.testnet,
            **self.more(),
        }
        if self.credentials is not None:
            fields["credentials"] = credentials_fields(self.credentials, Secret.reveal)
        return fields

    def more(self) -> Mapping[str, object]:
        """The other fields."""
        return {}

    def redacted(self, text: str) -> str:
        return Redactor(() if self.credentials is None else self.credentials.secrets)(text)


_optional_count: Final = attrs.validators.optional(whole(0))


def _some_flag(instance: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be true or false")


@attrs.frozen
class QueryTransactions(_WithCredentials[TransactionPage]):
    """Transactions of one exchange account in a span of time.

    Times are POSIX milliseconds, both ends optional. Without `credentials` the provider uses its own. `testnet` is not taken from
    the config: the reply does not repeat it. Fewer may come than there are: `summary.total_transactions` says how many; no cursor
    is documented.
    """

    exchange: str = attrs.field(validator=some_text)
    testnet: bool = attrs.field(default=False, validator=_some_flag, kw_only=True)
    start_time: int | None = attrs.field(default=None, validator=_optional_count, kw_only=True)
    end_time: int | None = attrs.field(default=None, validator=_optional_count, kw_only=True)
    transaction_types: tuple[str, ...] = attrs.field(default=(), validator=some_types, kw_only=True)
    limit: int | None = attrs.field(default=None, validator=_optional_count, kw_only=True)
    credentials: Credentials | None = attrs.field(default=None, validator=some_credentials, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.start_time is not None and self.end_time is not None and self.end_time < self.start_time:
            raise LocalProtocolError("QueryTransactions: end_time must not be before start_time")

    def more(self) -> Mapping[str, object]:
        span = {"start_time": self.start_time, "end_time": self.end_time, "limit": self.limit}
        fields: dict[str, object] = {name: value for name, value in span.items() if value is not None}
        return {**fields, "transaction_types": self.transaction_types} if self.transaction_types else fields

    def read(self, body: bytes) -> TransactionPage:
        problem = _decode_problem(body)
        if problem.success is False:
            raise CommandRefused("QueryTransactions", self.shown(problem.error or "") or None, self.shown(problem.message or ""))
        return TransactionPage.parse(body, self.exchange, testnet=self.testnet)


@attrs.frozen
class CheckCredentials(_WithCredentials[Validation]):
    """Ask whether credentials for an exchange are valid; without any, the provider's own. Invalid ones are a reply, no error."""

    exchange: str = attrs.field(validator=some_text)
    testnet: bool = attrs.field(default=False, validator=_some_flag, kw_only=True)
    credentials: Credentials | None = attrs.field(default=None, validator=some_credentials, kw_only=True)

    def decode(self, response: Response) -> Validation:
        if not 200 <= response.status < 300:
            # The name that is used of the provider's own key is used of an exchange's as well; such a reply names the exchange.
            with contextlib.suppress(ValueError, RecursionError):
                said = self.read(response.body)
                if said.exchange is not None:
                    return said
        return super().decode(response)

    def read(self, body: bytes) -> Validation:
        said = msgspec.json.decode(body, type=Validation)
        return Validation(
            success=said.success,
            message=None if said.message is None else self.shown(said.message),
            exchange=said.exchange,
            credentials_source=said.credentials_source,
            account_info=said.account_info,
            error=None if said.error is None else self.shown(said.error),
        )


@attrs.frozen
class TransactionTypes(Call[TypeCatalogue]):
    """Which transaction types there are."""

    auth: ClassVar[Literal["none", "token"]] = "none"

    def read(self, body: bytes) -> TypeCatalogue:
        return msgspec.json.decode(body, type=TypeCatalogue)


@attrs.frozen
class ListExchanges(Call[tuple[SupportedExchange, ...]]):
    """Which exchanges there are. Unlike `GetExchanges` on a stream it teaches nobody whose credentials need a passphrase."""

    auth: ClassVar[Literal["none", "token"]] = "none"

    def read(self, body: bytes) -> tuple[SupportedExchange, ...]:
        return msgspec.json.decode(body, type=tuple[SupportedExchange, ...])


@attrs.frozen
class CredentialSources(Call[CredentialPolicy]):
    """For which exchanges the provider has credentials of its own."""

    auth: ClassVar[Literal["none", "token"]] = "none"

    def read(self, body: bytes) -> CredentialPolicy:
        return CredentialPolicy.parse(body)


@attrs.frozen
class DataUsage(_NamesTheKey[Usage]):
    """How much of the plan's data is used up. The key stands in the URL: it is shown nowhere."""

    def url(self, config: Settings) -> Secret:
        path = config.paths["DataUsage"].replace(KEY_PLACE, quote(config.api_key.reveal(), safe=""))
        return Secret(config.api_url.rstrip("/") + path)

    def read(self, body: bytes) -> Usage:
        return Usage.parse(body)


@attrs.frozen
class Health(Call[ApiHealth]):
    """How the provider is."""

    auth: ClassVar[Literal["none", "token"]] = "none"

    def read(self, body: bytes) -> ApiHealth:
        return msgspec.json.decode(body, type=ApiHealth)
