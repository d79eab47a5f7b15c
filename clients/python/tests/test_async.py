"""The client for tasks, against the running suite."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest
from portico_client import AsyncPortico, Problem

from .conftest import GATEWAY, login
from .test_client import product


class Counted(httpx.AsyncBaseTransport):
    """Passes requests on, and remembers them."""

    def __init__(self) -> None:
        self._inner, self.paths = httpx.AsyncHTTPTransport(), Counter[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths[request.url.path] += 1
        return await self._inner.handle_async_request(request)


async def test_pages_are_read_and_become_a_frame() -> None:
    async with AsyncPortico(GATEWAY) as portico:
        titles = [product["title"] async for product in portico.products.list(limit=10)]
        frame = await portico.products.list().to_dataframe()
        versions = await portico.products.list().to_numpy("version")

    assert frame["title"].tolist() == titles
    assert len(versions) == len(titles) >= 20


async def test_a_product_is_made_changed_and_deleted() -> None:
    async with AsyncPortico(GATEWAY) as portico:
        await portico.login(*login("editor"))
        made = await portico.products.create(product())
        changed = await portico.products.update(made, {"title": "Tin mug"})
        variants = [variant async for variant in portico.variants(made["id"]).list()]
        await portico.products.delete(changed)

        assert (changed["title"], len(variants)) == ("Tin mug", 1)
        with pytest.raises(Problem) as gone:
            await portico.products.get(made["id"])
        assert gone.value.status == 410


async def test_an_expired_token_is_refreshed_once_for_all_tasks() -> None:
    counted = Counted()
    async with AsyncPortico(GATEWAY, transport=counted) as portico:
        await portico.login(*login("editor"))
        pair = portico.tokens.pair
        assert pair is not None
        portico.tokens.pair = {**pair, "access_token": pair["access_token"][:-8] + "AAAAAAAA"}

        asked = await asyncio.gather(*(portico.me() for _ in range(8)))

        assert len({me["id"] for me in asked}) == 1
        assert counted.paths["/v1/auth/refresh"] == 1


async def test_search_finds_words() -> None:
    async with AsyncPortico(GATEWAY) as portico:
        everything = [product["id"] async for product in portico.products.list()]
        found = [product["id"] async for product in portico.search("wool", limit=2)]

    assert 2 < len(found) < len(everything)
    assert set(found) <= set(everything)
