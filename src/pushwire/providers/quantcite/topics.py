"""What a QuantCite subscription is about, and the credentials for an exchange that go with it."""

from __future__ import annotations

from typing import Final

import attrs

from ...core.secrets import Secret
from ...errors import LocalProtocolError

__all__ = ["Credentials", "Topic"]


def _secret(instance: object, attribute: attrs.Attribute[Secret], value: object) -> None:
    if not isinstance(value, Secret):
        # Said without the value: it may be the secret itself, in the wrong type.
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be a pushwire.Secret")
    try:
        value.reveal().encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} cannot be written as UTF-8") from None


_optional_secret: Final = attrs.validators.optional(_secret)


@attrs.frozen
class Credentials:
    """The caller's own API key for an exchange. None of it is ever shown.

    Some exchanges want a passphrase as well; `GetExchanges` says which.
    """

    api_key: Secret = attrs.field(hash=False, validator=_secret)
    secret: Secret = attrs.field(hash=False, validator=_secret)
    passphrase: Secret | None = attrs.field(default=None, hash=False, validator=_optional_secret)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All of it."""
        return tuple(part for part in (self.api_key, self.secret, self.passphrase) if part is not None)


@attrs.frozen
class Topic:
    """One transaction type of one exchange; `type` is empty where none was named. `testnet` None: as the config has it.

    The case of an exchange's name means nothing.
    """

    exchange: str = attrs.field(eq=str.lower)
    testnet: bool | None
    type: str
    credentials: Credentials | None = attrs.field(default=None, eq=False, repr=False)
    """What to subscribe with again: no part of what it is about."""
