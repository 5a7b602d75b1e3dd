"""What to do, by the step that failed and how. One table; a test reaches every row. The command line's errors take their advice
from it too.

What must not live here: how a trouble is recognised (`troubles`), and what to do about an event of a running stream
(`core.cures`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from .steps import Step, Trouble

__all__ = ["ADVICE", "Subject", "advise"]


@attrs.define
class Subject:
    """Whom it is about. `host` and `port` are those dialled; `variables` name where the credentials come from."""

    provider: str
    variables: str
    silence: str
    host: str = "the host"
    port: int = 443
    asked: str = "the token's endpoint"
    """The HTTP request for an authorisation, as it may be shown."""


ADVICE: Final[Mapping[Step, Mapping[Trouble, str]]] = {
    Step.RESOLVE: {
        Trouble.UNKNOWN_NAME: "no DNS server knows {host}: look for a typing error in --url, or whether it is a private name",
        Trouble.NO_RESOLVER: "no DNS server answered: is this machine, or container, on the network, and its resolver right?",
        Trouble.TIMED_OUT: "the DNS servers do not answer: try `getent hosts {host}`, and see /etc/resolv.conf",
    },
    Step.CONNECT: {
        Trouble.REFUSED: "nothing listens on port {port} of {host}: is the port right, and the service up?",
        Trouble.UNREACHABLE: "no way leads to {host}: see routes, VPN and the firewall's rules for outgoing port {port}",
        Trouble.TIMED_OUT: (
            "{host} does not answer on port {port}: a firewall on the way drops it without a word, or the provider wants "
            "your IP address on a list; ask for outgoing port {port}, or use --proxy"
        ),
        Trouble.FAILED: "the system could not connect: the name may be no host name, or this process lacks sockets",
        Trouble.MISUSED: "what is asked for cannot be sent: a URL or a credential has characters that it must not have",
        Trouble.PROXY_AWAY: "the proxy itself cannot be reached: see its host, port and scheme (http, https, socks5, socks5h)",
        Trouble.PROXY_LOGIN: "the proxy wants another user name or password: set PUSHWIRE_PROXY to its URL with them",
        Trouble.PROXY_REFUSED: "the proxy does not lead to {host}:{port}: ask whoever runs it to allow CONNECT to there",
    },
    Step.TLS: {
        Trouble.EXPIRED: "the certificate of {host} has expired, or our clock is far ahead: see `date`, then tell the provider",
        Trouble.NOT_YET_VALID: "the certificate of {host} is not valid yet: our clock is probably behind, see `date`",
        Trouble.WRONG_NAME: (
            "the certificate is of another host than {host}: is the URL right, or does something answer in its place?"
        ),
        Trouble.UNKNOWN_AUTHORITY: (
            "nobody trusted here signed the certificate of {host}: install ca-certificates; where a proxy of your company "
            "opens TLS, set SSL_CERT_FILE to its authority's certificate"
        ),
        Trouble.NO_TLS: "what listens on port {port} of {host} speaks no TLS: is it the port for wss://?",
        Trouble.TIMED_OUT: "{host} took the connection and says nothing: a firewall or proxy in between may not let TLS through",
        Trouble.FAILED: "TLS came to no agreement: something in between may have cut it, or {host} wants another version of it",
        Trouble.EXPIRING: "the certificate ends soon: tell the provider, unless it is renewed as a matter of course",
        Trouble.PLAIN: "credentials and messages go unencrypted over the network: use wss://",
    },
    Step.CLOCK: {
        Trouble.SKEWED: "set the clock (`timedatectl set-ntp true`): signed requests and tokens are refused by it",
    },
    Step.HANDSHAKE: {
        Trouble.HTTP_401: "the credential is missing, wrong or too old: see {variables}; is it for this environment?",
        Trouble.HTTP_403: (
            "it is known and not allowed here: see what the credential of {variables} may do, and lists of IP addresses"
        ),
        Trouble.HTTP_404: "there is no such path on {host}: see the path of --url",
        Trouble.HTTP_429: "too many connections or attempts: wait, and see what else runs with this credential",
        Trouble.HTTP_5XX: "the provider has a problem of its own: try later, see its status page",
        Trouble.HTTP_OTHER: "the request is not as {host} wants it: see {variables}, --url and the settings",
        Trouble.REDIRECTED: "redirects are not followed, since a credential must go nowhere else: give the new address as --url",
        Trouble.SUBPROTOCOL: "it speaks another subprotocol than we offered: is --url that of {provider}?",
        Trouble.NO_WEBSOCKET: "what answers there is no WebSocket server: see --url, and proxies that pass no upgrade on",
        Trouble.HUNG_UP: "it hung up without an answer: is it the port for {provider}, and wss:// rather than ws://?",
        Trouble.TIMED_OUT: "it took the connection and never answered: overloaded, or no WebSocket server behind its proxy",
    },
    Step.LOGIN: {
        Trouble.CREDENTIAL: "{provider} refuses the credential: see {variables}; is it for this environment, and not withdrawn?",
        Trouble.TIMED_OUT: "open, but never accepted: is --url that of {provider}, or is it overloaded?",
        Trouble.FAILED: "it was ended before it was accepted, for the reason shown: see the provider's page for its code",
    },
    Step.TOKEN: {
        Trouble.CREDENTIAL: "whoever issues tokens refuses the credentials: see {variables}",
        Trouble.HTTP_401: "{asked} refuses the credentials: see {variables}, and the clock where requests are signed",
        Trouble.HTTP_403: "{asked} does not allow it: may this credential have that channel?",
        Trouble.HTTP_404: "there is nothing at {asked}: see the settings of its URL",
        Trouble.HTTP_429: "too many requests: wait before the next one",
        Trouble.HTTP_5XX: "{asked} has a problem of its own: try later, or see its log where it is yours",
        Trouble.HTTP_OTHER: "{asked} does not take the request as it is: see its URL and the form of its body",
        Trouble.REDIRECTED: "redirects are not followed, since a credential must go nowhere else: set the new address",
        Trouble.TIMED_OUT: "{asked} does not answer in time",
        Trouble.HUNG_UP: "{asked} cannot be reached: see its host, its port, and proxies",
        Trouble.MISUSED: "there is no source for the credential: see the settings",
        Trouble.SKEWED: "set the clock (`timedatectl set-ntp true`): what is signed by it is refused",
        Trouble.FAILED: "what came was no token: see whether the URL is that of the token's endpoint",
    },
    Step.SUBSCRIBE: {
        Trouble.REFUSED: "{provider} refuses it, for the reason shown: see its spelling, and what the account may subscribe to",
        Trouble.CREDENTIAL: "{provider} refuses the credential for this: see {variables}",
        Trouble.MISUSED: "it cannot be asked for with these settings: see what the provider's page says it needs",
        Trouble.TIMED_OUT: "no answer: the provider is slow, or does not know such a subscription; try another one",
        Trouble.HTTP_429: "too many requests: wait before the next one",
        Trouble.HUNG_UP: "the connection ended before the answer: try again, and mind the close code's meaning",
        Trouble.FAILED: "it ended in the error shown",
    },
    Step.MESSAGE: {
        Trouble.SILENT: "silence can be normal. It depends on {silence}; wait longer with --wait",
        Trouble.UNREADABLE: (
            "something came, and it was no message that we know: see it with `pushwire tail {provider} --json`; a newer pushwire "
            "may know it"
        ),
        Trouble.HUNG_UP: "the connection ended while we listened: mind the close code's meaning; a stream would dial again",
    },
}


def advise(step: Step, trouble: Trouble, subject: Subject) -> str:
    """What to do, in one sentence or two. What has no row of its own has that of a failure of the step."""
    rows = ADVICE[step]
    return (rows.get(trouble) or rows[Trouble.FAILED]).format(**attrs.asdict(subject))
