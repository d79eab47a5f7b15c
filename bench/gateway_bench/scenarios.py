"""What is measured."""

from __future__ import annotations

from dataclasses import dataclass

from .load import CONNECTIONS, STREAMS, Load
from .tokens import MANY
from .upstream import LARGE, LARGE_BYTES, OPEN, SMALL, SMALL_BYTES, UPLOAD


@dataclass(frozen=True)
class Scenario:
    """A load under which every peer is measured, or something that is measured in its own way."""

    name: str
    about: str
    load: Load | None = None


WARM = Load(SMALL)
HALF_LOAD, H2, START, TOKENS_MEMORY = "half-load", "h2", "start", "tokens-memory"
IDLE_CONNECTIONS, IDLE = "idle-connections", 2_000

ALL = [
    Scenario(
        "warm",
        f"One token (ES256), {CONNECTIONS} connections, {SMALL_BYTES} bytes of JSON. Only portico checks the token.",
        WARM,
    ),
    Scenario("many", f"{MANY:,} tokens in turn, all seen before.", Load(SMALL, token="many")),
    Scenario(
        "cold",
        "Every request carries a token not seen before: for portico the time of one ES256 verification dominates.",
        Load(SMALL, token="fresh"),
    ),
    Scenario("no-auth", "No token, on a path for which portico asks for none.", Load(OPEN, token=None)),
    Scenario("body64k", f"Answers of {LARGE_BYTES // 1024} KB.", Load(LARGE)),
    Scenario("post64k", f"Uploads of {LARGE_BYTES // 1024} KB.", Load(UPLOAD, body_bytes=LARGE_BYTES)),
    Scenario("close", "A new connection for every request.", Load(SMALL, keep_alive=False)),
    Scenario(H2, f"HTTP/2 without TLS, {CONNECTIONS} connections of {STREAMS} streams.", WARM),
    Scenario(
        HALF_LOAD,
        "As `warm`, at random moments, half as many as portico can answer. Added p99 is what direct does not need: the "
        "median over the rounds, and by the quietest round of each.",
        WARM,
    ),
    Scenario(START, "From starting the program to the first 200 of its readiness check; memory when idle after that."),
    Scenario(IDLE_CONNECTIONS, f"Memory of {IDLE:,} connections that had a request each and wait for another."),
    Scenario(TOKENS_MEMORY, "portico's resident memory before and after very many different tokens."),
]
BY_DEFAULT = [scenario.name for scenario in ALL if scenario.name != TOKENS_MEMORY]
