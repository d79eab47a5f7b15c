"""The command: what is run, in which order, and what is printed."""

from __future__ import annotations

import signal
import sys
import tempfile
from datetime import date
from pathlib import Path

from . import machine, report, usage
from .checks import check
from .errors import BenchError
from .measure import idle_memory, start, tokens_memory, under_load
from .options import Options, parse
from .peers import DIRECT, PORTICO, Rig, program_of, serving
from .report import Rounds, Table
from .scenarios import ALL, H2, HALF_LOAD, IDLE_CONNECTIONS, START, TOKENS_MEMORY, Scenario
from .tokens import Tokens, build_mint, mint
from .upstream import upstream

FRESH_TOKENS_PER_CORE_SECOND = 15_000
"""More than a core can verify beside everything else it has to do."""

MOST_MINTED_BEFOREHAND = 4_000_000
"""3 GB of temporary files."""


def main() -> int:
    """Runs the command; 0 if everything asked for was measured and every request was answered."""
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return run(options)
    except BenchError as error:
        say(f"bench/gateway: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench/gateway: interrupted")
        return 130


def run(options: Options) -> int:
    """Sets everything up, measures, prints the tables, and takes everything down again."""
    for program in ("nginx", "wrk"):
        machine.require(program)
    peers = [peer for peer in options.peers if _is_there(peer, options)]
    if not peers:
        raise BenchError("nothing is left to measure")
    scenarios = [scenario for scenario in ALL if scenario.name in options.scenarios and _can_run(scenario, peers)]
    if not usage.IS_KNOWN:
        say("CPU time and memory are told on Linux only: throughput and latency follow")
    machine.raise_open_files()
    ours, theirs = machine.halves() if options.is_apart else (None, None)
    about_machine = machine.description()
    with machine.on_cores(ours), tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        tokens = _minted(options, scenarios, folder / "tokens")
        with upstream(folder / "upstream", tokens.folder / "jwks.json") as service:
            cores = len(theirs) if theirs else machine.cores()
            rig = Rig(folder, cores, theirs, service, tokens, options.gateway, options.settings)
            for peer in peers:
                with serving(peer, rig) as target:
                    check(target, rig)
            say(f"checked: the service's bytes come through {', '.join(peers)}, and portico refuses what it must")
            rounds = _in_rounds([scenario for scenario in scenarios if scenario.load], peers, rig, options)
            tables = _tables(scenarios, rounds, peers, rig)
    print(_document(tables, about_machine, peers, options))
    return 1 if any(report.failures(measured) for measured in rounds.values()) else 0


def say(text: str) -> None:
    """Tells how far the run is; standard output is for the tables."""
    print(text, file=sys.stderr, flush=True)


def _is_there(peer: str, options: Options) -> bool:
    if program_of(peer, options.gateway):
        return True
    if peer == PORTICO:
        build = "cargo build --release -p portico-gateway"
        raise BenchError(f"{options.gateway} is missing: {build} (or --gateway PATH, or --peers without portico)")
    say(f"{peer} is missing and left out: {machine.how_to_get(peer)}")
    return False


def _can_run(scenario: Scenario, peers: list[str]) -> bool:
    if scenario.name == H2 and machine.find("h2load") is None:
        say(f"h2load is missing, so {H2} is left out: {machine.how_to_get('h2load')}")
        return False
    if scenario.name == IDLE_CONNECTIONS and not usage.IS_KNOWN:
        say(f"memory is told on Linux only, so {IDLE_CONNECTIONS} is left out")
        return False
    if scenario.name == TOKENS_MEMORY and not (usage.IS_KNOWN and PORTICO in peers):
        raise BenchError(f"{TOKENS_MEMORY} needs Linux, and portico among the peers")
    return True


def _minted(options: Options, scenarios: list[Scenario], folder: Path) -> Tokens:
    names = {scenario.name for scenario in scenarios}
    most = machine.cores() * FRESH_TOKENS_PER_CORE_SECOND * options.seconds
    for_cold = min(most, MOST_MINTED_BEFOREHAND) if "cold" in names else 0
    fresh = max(for_cold, options.memory_tokens if TOKENS_MEMORY in names else 0)
    folder.mkdir()
    say("building the example that mints tokens (some minutes the first time)")
    build_mint()
    tokens, seconds = mint(fresh, folder)
    say(f"minted {tokens.count:,} tokens in {seconds:.1f} s")
    return tokens


def _in_rounds(scenarios: list[Scenario], peers: list[str], rig: Rig, options: Options) -> dict[str, Rounds]:
    """Measures every peer under every load, in another order each round, so that a busy minute hits all alike."""
    measured: dict[str, Rounds] = {scenario.name: {peer: [] for peer in peers} for scenario in scenarios}
    for number in range(options.rounds):
        first = number % len(peers)
        for scenario in scenarios:
            rate = _half_of_what_is_possible(scenario, peers, rig, options.seconds)
            for peer in peers[first:] + peers[:first]:
                told = under_load(peer, scenario, rate, rig, options.seconds)
                measured[scenario.name][peer].append(told)
                cpu = f"{told.cpu_us:.1f} µs CPU, " if told.cpu_us is not None else ""
                round_name = f"round {number + 1} of {options.rounds}"
                say(f"{round_name}, {scenario.name}, {peer}: {cpu}{told.sample.rate:,.0f} requests/s")
    return measured


def _half_of_what_is_possible(scenario: Scenario, peers: list[str], rig: Rig, seconds: int) -> float:
    if scenario.name != HALF_LOAD:
        return 0.0
    proxies = [peer for peer in peers if peer != DIRECT]
    reference = PORTICO if PORTICO in peers else [*proxies, DIRECT][0]
    return under_load(reference, scenario, 0.0, rig, seconds).sample.rate / 2


def _tables(scenarios: list[Scenario], rounds: dict[str, Rounds], peers: list[str], rig: Rig) -> list[Table]:
    tables = []
    for scenario in scenarios:
        if scenario.name == START:
            starts = {peer: start(peer, rig) for peer in peers if peer != DIRECT}
            tables.append(report.start_table(scenario, starts))
        elif scenario.name == IDLE_CONNECTIONS:
            told = {peer: idle_memory(peer, rig) for peer in peers if peer != DIRECT}
            tables.append(report.idle_table(scenario, told))
        elif scenario.name == TOKENS_MEMORY:
            tables.append(report.tokens_table(scenario, tokens_memory(rig)))
        else:
            tables.append(report.load_table(scenario, rounds[scenario.name]))
    return tables


def _document(tables: list[Table], about_machine: str, peers: list[str], options: Options) -> str:
    programs = {machine.find("nginx"), machine.find("wrk"), machine.find("h2load")}
    programs |= {program_of(peer, options.gateway) for peer in peers}
    versions = sorted(machine.version(program) for program in programs if program)
    settings = "".join(f", {name}={value}" for name, value in options.settings.items())
    apart = ", proxies on one half of the cores and all else on the other" if options.is_apart else ""
    facts = [
        f"{date.today().isoformat()}, commit {machine.commit()}{settings}",
        about_machine,
        *versions,
        f"medians of {options.rounds} rounds of {options.seconds} s{apart}; memory after the load, shared pages counted once",
    ]
    if options.is_markdown:
        return "\n".join([*(f"- {fact}" for fact in facts), "", *(table.markdown() for table in tables)])
    return "\n".join(["", *facts, "", *(table.plain() for table in tables)])
