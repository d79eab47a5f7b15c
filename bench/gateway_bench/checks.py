"""What must hold before anything is measured: every peer passes on the same bytes, and ours checks tokens."""

from __future__ import annotations

from .client import ask
from .errors import BenchError
from .peers import PORTICO, Rig, Target
from .upstream import LARGE, LARGE_BYTES, OPEN, SMALL, UPLOAD


def check(target: Target, rig: Rig) -> None:
    """Proves it of a running peer.

    Raises BenchError naming the request that was answered wrongly.
    """
    token = rig.tokens.warm
    for path in (SMALL, LARGE, OPEN):
        _expect_the_services_body(target, rig, path, token)
    _expect_the_upload_arrives(target, token)
    if target.peer == PORTICO:
        _expect_the_services_body(target, rig, OPEN, None)
        for path in (SMALL, LARGE):
            _expect_refusal(target, path, None, "Bearer")
            _expect_refusal(target, path, rig.tokens.forged(), 'Bearer error="invalid_token"')


def _expect_the_services_body(target: Target, rig: Rig, path: str, token: str | None) -> None:
    answer = ask(target.at.url(path), token)
    if answer.status != 200 or answer.body != ask(rig.upstream.url(path)).body:
        raise BenchError(f"{target.peer} answers GET {path} with {answer.status} and not with the service's body")


def _expect_the_upload_arrives(target: Target, token: str) -> None:
    answer = ask(target.at.url(UPLOAD), token, b"x" * LARGE_BYTES)
    if answer.status != 200 or int(answer.headers.get("x-received-bytes", "0")) < LARGE_BYTES:
        raise BenchError(f"{target.peer} answers POST {UPLOAD} with {answer.status}, or cuts its body")


def _expect_refusal(target: Target, path: str, token: str | None, challenge: str) -> None:
    answer = ask(target.at.url(path), token)
    if answer.status != 401 or not answer.headers.get("www-authenticate", "").startswith(challenge):
        kind = "a forged token" if token else "no token"
        raise BenchError(f"{target.peer} answers GET {path} with {kind} by {answer.status} and not by 401 {challenge}")
