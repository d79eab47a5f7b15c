"""Tokens: put on every request, and refreshed once they have expired."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator

import httpx

from .models import TokensView


class Tokens(httpx.Auth):
    """The tokens of a session.

    A refresh token is good once: whoever sends it a second time ends the session. So of threads or tasks that are refused at
    the same time one refreshes, and the others take what it got.
    """

    def __init__(self, base_url: str) -> None:
        self._refresh_url = f"{base_url.rstrip('/')}/v1/auth/refresh"
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()
        self.pair: TokensView | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        seen = self._sign(request)
        response = yield request
        if seen is None or response.status_code != 401:
            return
        with self._lock:
            if self.pair is seen:
                refreshed = yield self._refresh(seen)
                refreshed.read()
                self._take(refreshed)
        if self._sign(request) is not None:
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        seen = self._sign(request)
        response = yield request
        if seen is None or response.status_code != 401:
            return
        async with self._async_lock:
            if self.pair is seen:
                refreshed = yield self._refresh(seen)
                await refreshed.aread()
                self._take(refreshed)
        if self._sign(request) is not None:
            yield request

    def _sign(self, request: httpx.Request) -> TokensView | None:
        pair = self.pair
        if pair is not None:
            request.headers["authorization"] = f"Bearer {pair['access_token']}"
        return pair

    def _refresh(self, pair: TokensView) -> httpx.Request:
        return httpx.Request("POST", self._refresh_url, json={"refresh_token": pair["refresh_token"]})

    def _take(self, refreshed: httpx.Response) -> None:
        """What cannot be refreshed has ended; whatever else failed can be tried again."""
        if refreshed.status_code == 200:
            self.pair = refreshed.json()
        elif refreshed.status_code in (400, 401):
            self.pair = None
