"""The suite that runs, by its state file, and what a proxy in front of it can do wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from portico_client import Portico

STATE = json.loads(Path(os.environ["PORTICO_STATE"]).read_text())
GATEWAY: str = STATE["gateway"]


def login(role: str) -> tuple[str, str]:
    """The address and the password of a demo account."""
    found: dict[str, Any] = next(login for login in STATE["logins"] if login["role"] == role)
    return found["email"], found["password"]


@pytest.fixture
def anonymous() -> Iterator[Portico]:
    with Portico(GATEWAY) as portico:
        yield portico


@pytest.fixture
def editor() -> Iterator[Portico]:
    with Portico(GATEWAY) as portico:
        portico.login(*login("editor"))
        yield portico
