"""Errors, as every process of Portico tells them (RFC 9457)."""

from __future__ import annotations

from typing import Any

import httpx


class Problem(Exception):
    """An answer of 400 and above."""

    def __init__(self, response: httpx.Response) -> None:
        self.status: int = response.status_code
        body = _body(response)
        #: What went wrong, for programs: `not_found`, `validation_failed`. A page under /problems/ explains it.
        self.code: str = body.get("code", "")
        #: The same for people.
        self.detail: str = body.get("detail") or body.get("title") or response.reason_phrase
        #: What is wrong with which field: a list of `pointer`, `code` and `detail`.
        self.errors: list[dict[str, Any]] = body.get("errors", [])
        #: By this the logs know the request.
        self.request_id: str | None = response.headers.get("x-request-id")
        fields = "".join(f"; {error['pointer']}: {error['detail']}" for error in self.errors)
        super().__init__(f"{self.status} {self.code}: {self.detail}{fields}")


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def answer(response: httpx.Response) -> Any:
    """The body of a good answer; any other is raised as a `Problem`."""
    if response.status_code >= 400:
        raise Problem(response)
    return response.json() if response.content else None
