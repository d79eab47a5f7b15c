"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .machine import ROOT
from .peers import PEERS
from .scenarios import ALL, BY_DEFAULT

GATEWAY = ROOT / "target/release/portico-gateway"

DESCRIPTION = """\
Puts portico-gateway, nginx, HAProxy and Caddy one after the other between a load generator and the same service, all
on this machine's loopback interface, and says what each takes: CPU time per request, throughput, latency, memory.
Before anything is measured, every one must pass on the service's bytes, and portico must refuse requests without a
token and with a forged one. Needs nginx and wrk; of the others, what is missing is left out. CPU time and memory are
told on Linux only. With all scenarios and peers it takes about a quarter of an hour. Tokens take 60 MB a core in the
folder for temporary files, those of tokens-memory 750 MB. Nothing is installed, and what is started is stopped again.
"""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    seconds: int
    rounds: int
    scenarios: list[str]
    peers: list[str]
    gateway: Path
    settings: dict[str, str]
    memory_tokens: int
    is_apart: bool
    is_markdown: bool


def parse(arguments: list[str] | None = None) -> Options:
    """Reads the command line; ends the program with usage if it is wrong."""
    names = [scenario.name for scenario in ALL]
    scenarios = "\n".join(f"  {scenario.name:<14}{scenario.about}" for scenario in ALL)
    parser = argparse.ArgumentParser(
        prog="bench/gateway",
        description=DESCRIPTION,
        epilog=f"scenarios (all but tokens-memory unless --only says which):\n{scenarios}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seconds", type=_positive, default=5, help="of each measurement, after a second of warming up (default: 5)")
    add("--rounds", type=_positive, default=3, help="medians of so many are told (default: 3)")
    add("--only", type=_choice(names), default=BY_DEFAULT, metavar="SCENARIO,…", help="scenarios to run")
    add("--peers", type=_choice(PEERS), default=PEERS, metavar="PEER,…", help=f"of {', '.join(PEERS)} (default: all)")
    add("--gateway", type=Path, default=GATEWAY, metavar="PATH", help="the binary (default: target/release's)")
    add("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE", help="a setting of the gateway")
    add(
        "--memory-tokens",
        type=_positive,
        default=1_000_000,
        metavar="COUNT",
        help="of tokens-memory (default: 1000000)",
    )
    add(
        "--apart",
        action="store_true",
        help="the proxies on half of the cores, and the service and the generator on the others (Linux)",
    )
    add("--markdown", action="store_true", help="write the tables as Markdown, with the machine and all versions")
    told = parser.parse_args(arguments)
    return Options(
        told.seconds,
        told.rounds,
        told.only,
        told.peers,
        told.gateway.resolve(),
        dict(told.set),
        told.memory_tokens,
        told.apart,
        told.markdown,
    )


def _positive(raw: str) -> int:
    if not raw.isascii() or not raw.isdigit() or int(raw) == 0:
        raise argparse.ArgumentTypeError(f"{raw} is not a whole number of at least 1")
    return int(raw)


def _choice(known: list[str]) -> Callable[[str], list[str]]:
    def read(raw: str) -> list[str]:
        asked = raw.split(",")
        for name in asked:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return [name for name in known if name in asked]

    return read


def _setting(raw: str) -> tuple[str, str]:
    name, equals, value = raw.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{raw} is not NAME=VALUE")
    return name, value
