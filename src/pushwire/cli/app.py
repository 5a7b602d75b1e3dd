"""The commands and their options. What they do is in the module of the same name, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import App, CycloptsError, Parameter, validators

from ..errors import ConfigError
from ..registry import load, names
from ..version import version

__all__ = ["run_command"]

EPILOGUE: Final = """
Secrets come from environment variables, or with the suffix _FILE from files, never from arguments:

- quantcite: PUSHWIRE_QUANTCITE_API_KEY
- bitpanda: PUSHWIRE_BITPANDA_TOKEN
- gelabs: PUSHWIRE_GELABS_API_KEY
- pusher, for channels that are signed here: PUSHWIRE_PUSHER_SECRET, PUSHWIRE_PUSHER_ENCRYPTION_MASTER_KEY
- quickpay: PUSHWIRE_QUICKPAY_API_KEY; for private channels PUSHWIRE_QUICKPAY_PRIVATE_KEY or PUSHWIRE_QUICKPAY_JWT
- satoriex: PUSHWIRE_SATORIEX_TOKEN
"""

SPECS: Final = """What to subscribe to. May be repeated.

- quantcite: exchange[:type,type...]
- bitpanda: channel, channel:FIAT,... or channel:type/ASSET/FIAT,...
- gelabs: chain_type:address
- pusher: channel
- quickpay: merchant:ID | payments:ID | notifications:ID | CHANNEL
- satoriex: market:ID or marketdata:ID
"""

PROVIDERS: Final = "quantcite, bitpanda, gelabs, pusher, quickpay or satoriex"


def _providers(_: object) -> Sequence[str]:
    """What completes a provider's name: those of installed packages too."""
    return names()


def _faults(_: object) -> Sequence[str]:
    from ..sandbox.faults import FAULTS

    return list(FAULTS)


Provider: TypeAlias = Annotated[str, Parameter(help=f"The provider's name: {PROVIDERS}.", completer=_providers)]
Connections: TypeAlias = Annotated[
    list[str],
    Parameter(
        name="PROVIDER",
        negative=(),
        help=f"A provider's name: {PROVIDERS}. Several are shown side by side; of one provider several times as NAME=PROVIDER.",
        completer=_providers,
    ),
]
Settings: TypeAlias = Annotated[
    list[str] | None, Parameter(name="--set", negative=(), help="A setting, as KEY=VALUE. May be repeated.")
]
Plain: TypeAlias = Annotated[bool, Parameter(negative=(), help="Lines on a terminal too, in place of the live view.")]
Json: TypeAlias = Annotated[bool, Parameter(negative=(), help="One JSON object a line: provider, event, at, data.")]
Positive: Final = validators.Number(gt=0)
Proxy: TypeAlias = Annotated[str | None, Parameter(help="The URL of a proxy; PUSHWIRE_PROXY where it holds a password.")]
Seconds: TypeAlias = Annotated[float | None, Parameter(validator=Positive, help="End after so many seconds.")]


app: Final = App(name="pushwire", help="Push APIs over WebSocket." + EPILOGUE, version=version)


def run_command(argv: Sequence[str]) -> int:
    """Run the command that `argv` names; returns its status. Raises what it raises, `ConfigError` for a wrong usage."""
    try:
        command, bound, _ = app.parse_args(list(argv), print_error=False, exit_on_error=False)
    except CycloptsError as error:
        known = argv and not argv[0].startswith("-") and argv[0] in app
        more = f"pushwire {argv[0]} --help" if known else "pushwire --help"
        raise ConfigError([f"{str(error).rstrip('.')}; `{more}` tells what there is"]) from None
    status: object = command(*bound.args, **bound.kwargs)
    return status if isinstance(status, int) else 0


@app.command
def demo(
    *,
    provider: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Which provider; may be repeated. All, if none is named.", completer=_providers),
    ] = None,
    seconds: Annotated[float, Parameter(validator=Positive, help="How long messages are generated.")] = 20.0,
    plain: Plain = False,
    json: Json = False,
) -> int:
    """Run sandbox and client in one process, with faults, and count what arrived.

    Connections are cut, messages sent twice and out of order. The summary at the end counts against what the sandbox knows it
    sent; the status is 1 where a message was lost without announcement, or delivered twice.
    """
    from .demo import Demo
    from .output import shows_live
    from .running import run

    return run(Demo(provider, seconds, json, live=shows_live() and not (plain or json)))


@app.command
def tail(
    providers: Connections,
    /,
    *,
    url: Annotated[str | None, Parameter(help="In place of the provider's own.")] = None,
    settings: Settings = None,
    subscribe: Annotated[list[str] | None, Parameter(negative=(), help=SPECS)] = None,
    count: Annotated[int | None, Parameter(validator=Positive, help="End after so many messages.")] = None,
    seconds: Seconds = None,
    proxy: Proxy = None,
    journal: Annotated[Path | None, Parameter(help="Write a journal for `pushwire replay`, secrets left out.")] = None,
    plain: Plain = False,
    json: Json = False,
) -> int:
    """Show the events of one provider, or of several: on a terminal in a live view, elsewhere as lines.

    Each is ACKed once its line has been written, or once the view has taken it. With several connections, what is said of one
    begins with its name: --set NAME.KEY=VALUE, --subscribe NAME:SPEC. The first that fails ends all.
    """
    from ..shell.proxy import proxy_of
    from .output import shows_live
    from .running import run
    from .tail import Tail
    from .target import targets

    goals = targets(providers, url=url, settings=settings or (), specs=subscribe or ())
    if journal is not None and len(goals) > 1:
        raise ConfigError(["--journal: is of one connection; record each with a `pushwire tail` of its own"])
    live = shows_live() and not (plain or json)
    return run(Tail(goals, count, seconds, proxy_of(proxy), journal, json, live))


@app.command
def sandbox(
    provider: Provider,
    /,
    *,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535), help="0: any free one.")] = 0,
    rate: Annotated[float, Parameter(validator=validators.Number(gte=0), help="Messages generated a second.")] = 10.0,
    seed: Annotated[int | None, Parameter(help="The same seed generates the same messages.")] = None,
    fault: Annotated[
        list[str] | None,
        Parameter(negative=(), help="A fault, as NAME[:ARG]; see above. May be repeated.", completer=_faults),
    ] = None,
    settings: Settings = None,
) -> int:
    """Serve a provider's simulation; the first line on stdout is its URL.

    It accepts any key, or only those of the provider's environment variables that are set. Where the provider has an HTTP side
    (a channel's authorisation, tokens, REST), that is on the same port.

    Faults:

    - drop[:SECONDS|every=N]: cut each TCP connection after about SECONDS (4), or after N new pushes
    - mute[:SECONDS,every=SECONDS]: hang for SECONDS (5) about every 30: commands stay unanswered, pushes come late
    - accept-then-close[:CODE,share=S]: complete a share S (0.3) of the handshakes and close at once with CODE (1011)
    - duplicate[:SHARE]: send a SHARE (0.1) of the pushes twice
    - reorder[:SHARE]: swap a SHARE (0.1) of the pushes with the next one
    - garbage[:SHARE]: send nonsense after a SHARE (0.1) of the messages
    - slow[:SECONDS]: send everything SECONDS (0.2) late
    - refuse:STATUS[,share=S|first=N][,after=SECONDS]: refuse handshakes with an HTTP STATUS

    Settings differ between providers and stand in their pages; a wrong one is answered with a list of those there are.
    """
    from ..sandbox.simulated import Wanted
    from .running import run
    from .sandbox import Sandbox
    from .sandboxes import accepted_secrets, simulate

    wanted = Wanted(rate, accepted_secrets(provider), seed, fault or (), settings or ())
    return run(Sandbox(simulate(provider, wanted), host, port))


@app.command
def doctor(
    provider: Provider,
    /,
    *,
    url: Annotated[str | None, Parameter(help="In place of the provider's own.")] = None,
    settings: Settings = None,
    subscribe: Annotated[
        str | None, Parameter(help="What to subscribe to, as for `tail`. Bitpanda and QuickPay have one for anybody.")
    ] = None,
    wait: Annotated[float, Parameter(validator=Positive, help="Seconds that a message has to come.")] = 30.0,
    proxy: Proxy = None,
    sandbox: Annotated[bool, Parameter(negative=(), help="Examine a simulation, which needs no credentials.")] = False,
    json: Annotated[bool, Parameter(negative=(), help="One JSON object a step.")] = False,
) -> int:
    """Go the way from a provider's name to a message, and say what to do about the step that fails.

    Name, connection, TLS, clock, handshake, login, token, subscription, message, each with its time. Nothing is ACKed. The status
    is 1 where a step failed.
    """
    from ..shell.proxy import proxy_of
    from .doctor import Doctor
    from .running import run

    if sandbox and url is not None:
        raise ConfigError(["--url: of no use beside --sandbox"])
    load(provider)
    return run(Doctor(provider, url, settings or (), subscribe, wait, proxy_of(proxy), sandbox, json))


@app.command
def simulate(
    provider: Annotated[
        str | None, Parameter(help=f"The provider's name: {PROVIDERS}. All, if none is named.", completer=_providers)
    ] = None,
    /,
    *,
    seed: Annotated[int | None, Parameter(help="The first one; where none is given one is drawn, and printed.")] = None,
    runs: Annotated[int, Parameter(validator=Positive, help="Stories, shared among the providers.")] = 100,
    trace: Annotated[bool, Parameter(negative=(), help="Tell the story of one seed, message by message.")] = False,
    workers: Annotated[int | None, Parameter(validator=Positive, help="Processes; one for each processor.")] = None,
    json: Annotated[bool, Parameter(negative=(), help="One JSON object a violation, and one a provider.")] = False,
) -> int:
    """Play a provider's client against its sandbox in virtual time, on a link that fails, and judge what comes of it.

    Each seed is one story of eight minutes: cuts at any byte, stalls, damage, restarts, faults of the server, a slow or dying
    caller, a store that fails. The status is 1 where a message was lost, came twice, was ACKed too early, or anything else that
    must not be; a line then says how to play that story again.
    """
    from .simulate import stories, tell

    if trace:
        if provider is None or seed is None:
            raise ConfigError(["--trace: tells one story: name a provider and a --seed"])
        load(provider)
        return tell(provider, seed)
    if provider is not None:
        load(provider)
    return stories(provider, seed, runs, workers, as_json=json)()


@app.command
def replay(
    journal: Annotated[Path, Parameter(help="A file that `pushwire tail --journal` wrote.")],
    /,
    *,
    plot: Annotated[Path | None, Parameter(help="Draw the session as an SVG into this file instead.")] = None,
    json: Json = False,
) -> int:
    """Print the events of a journal, at the times of the journal; or draw what happened over time."""
    from .drawing import Draw
    from .replay import Replay
    from .running import run

    if plot is None:
        return run(Replay(journal, json))
    if json:
        raise ConfigError(["--json: of no use beside --plot"])
    return run(Draw(journal, plot))


@app.command
def relay(
    file: Annotated[Path, Parameter(help="A TOML file: streams, sink, ledger.")],
    /,
    *,
    check: Annotated[bool, Parameter(negative=(), help="Read the file, open ledger and sink once, and end.")] = False,
    quarantine: Annotated[
        bool, Parameter(negative=(), help="List what came with another payload under a key that was there, and end.")
    ] = False,
) -> int:
    """Hand every event on to a sink, and ACK it only once the sink holds it durably.

    The log goes to stderr, as JSON where that is no terminal. SIGTERM and SIGINT end it in good order, a second one at once.
    """
    from ..relay.config import read
    from .relay import Check, Quarantine, RelayRun
    from .running import run

    config = read(file)
    if check:
        return run(Check(config))
    return run(Quarantine(config) if quarantine else RelayRun(config))


@app.command
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell it is for.")], /) -> int:
    """Print what makes a shell complete commands, options and providers on TAB.

    For bash: pushwire completion bash > ~/.local/share/bash-completion/completions/pushwire
    """
    print(app.generate_completion(prog_name="pushwire", shell=shell))
    return 0
