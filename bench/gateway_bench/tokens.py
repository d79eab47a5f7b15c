"""Access tokens for the load, minted by an example of the workspace."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError
from .machine import ROOT

MINT = ["--release", "--quiet", "-p", "portico-testkit", "--example", "mint"]

MANY = 1_000
"""The first lines of the file are tokens that are sent again and again; those after them are sent once."""


@dataclass(frozen=True)
class Slice:
    """Lines of the file of tokens, as a range of bytes."""

    path: Path
    begin: int
    end: int


@dataclass(frozen=True)
class Tokens:
    """A file of tokens, one a line and all of one length, and the key set that vouches for them."""

    folder: Path
    count: int
    line_bytes: int
    warm: str
    issuer: str
    audience: str

    def many(self) -> Slice:
        """The tokens that are sent again and again."""
        return self._lines(0, MANY)

    def fresh(self) -> Slice:
        """The tokens that no gateway has seen before the measurement."""
        return self._lines(MANY, self.count)

    def forged(self) -> str:
        """The warm token with a signature of nobody's."""
        signed, _, signature = self.warm.rpartition(".")
        return f"{signed}.{signature[::-1]}"

    def _lines(self, begin: int, end: int) -> Slice:
        return Slice(self.folder / "tokens.txt", begin * self.line_bytes, end * self.line_bytes)


def build_mint() -> None:
    """Compiles the example, so that minting itself can be timed."""
    _cargo(["build", *MINT])


def mint(fresh: int, folder: Path) -> tuple[Tokens, float]:
    """Mints so many fresh tokens beside those sent again and again, and says how many seconds that took."""
    began = time.monotonic()
    count = MANY + fresh
    _cargo(["run", *MINT, "--", str(count), str(folder)])
    with (folder / "tokens.txt").open() as lines:
        first = lines.readline()
    claims = json.loads(_decode(first.split(".")[1]))
    if (folder / "tokens.txt").stat().st_size != count * len(first):
        raise BenchError("the minted tokens are not all of one length, which wrk.lua relies on")
    tokens = Tokens(folder, count, len(first), first.strip(), claims["iss"], claims["aud"])
    return tokens, time.monotonic() - began


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _cargo(arguments: list[str]) -> None:
    try:
        subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BenchError("cargo is missing (https://rustup.rs): it builds the example that mints tokens") from None
    except subprocess.CalledProcessError as error:
        raise BenchError(f"`cargo {' '.join(arguments)}` failed") from error
