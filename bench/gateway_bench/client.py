"""Single requests, for readiness and for the checks; the load is made by wrk and h2load."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """An answer, read in full."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(url: str, token: str | None = None, body: bytes | None = None) -> Answer:
    """Sends a GET, or a POST if there is a body."""
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST" if body else "GET", parts.path, body, headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def is_ok(url: str) -> bool:
    """Whether the URL answers 200 now."""
    try:
        return ask(url).status == 200
    except (OSError, http.client.HTTPException):
        return False
