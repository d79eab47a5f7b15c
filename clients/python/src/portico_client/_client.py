"""The clients, one for threads and one for tasks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import httpx
from httpx_retries import Retry, RetryTransport

from . import models
from ._pages import AsyncPages, Pages
from ._problem import answer
from ._tokens import Tokens

View = TypeVar("View")
Create = TypeVar("Create")
Patch = TypeVar("Patch")

PATCH = "application/merge-patch+json"


def _retry() -> Retry:
    """Again, after the pause that `Retry-After` asks for, what was refused before anything was done, and what was never sent."""
    return Retry(
        total=4,
        backoff_factor=0.25,
        allowed_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        status_forcelist=[429, 503],
        retry_on_exceptions=[httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout],
    )


def _etag(view: Any) -> dict[str, str]:
    """What a change is meant for: the version that was seen."""
    return {"if-match": f'"{view["version"]}"'}


def _query(filters: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Filters whose names Python cannot write, such as `price.gte`, and those it can."""
    return {name: value for name, value in {**(filters or {}), **more}.items() if value is not None}


class Resource(Generic[View, Create, Patch]):
    """A collection of the API, such as products."""

    def __init__(self, portico: Portico, path: str) -> None:
        self._portico, self._path = portico, path

    def list(self, filters: Mapping[str, Any] | None = None, **more: Any) -> Pages[View]:
        """Those that fit: `list({"price.gte": 100}, status="active", limit=100)`."""
        return Pages(lambda params: self._portico.request("GET", self._path, params=params), _query(filters, more))

    def get(self, id: str) -> View:
        """One of them."""
        return cast(View, self._portico.request("GET", f"{self._path}/{id}"))

    def create(self, body: Create, idempotency_key: str | None = None) -> View:
        """A new one; made once, however often it has to be sent."""
        key = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        return cast(View, self._portico.request("POST", self._path, json=body, headers=key))

    def update(self, seen: View, patch: Patch) -> View:
        """Changes the one that was seen; what is not in the patch stays, and `None` clears. Who saw an old version gets a
        `Problem` of 412."""
        path = f"{self._path}/{cast(Any, seen)['id']}"
        return cast(View, self._portico.request("PATCH", path, json=patch, headers={"content-type": PATCH, **_etag(seen)}))

    def delete(self, seen: View) -> None:
        """Deletes the one that was seen."""
        self._portico.request("DELETE", f"{self._path}/{cast(Any, seen)['id']}", headers=_etag(seen))


class Portico:
    """A suite, seen through its gateway. Threads may share one."""

    def __init__(self, base_url: str, *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None) -> None:
        self.tokens = Tokens(base_url)
        retrying = RetryTransport(transport=transport, retry=_retry())
        self._http = httpx.Client(base_url=base_url, auth=self.tokens, timeout=timeout, transport=retrying)
        self.products = Resource[models.ProductView, models.CreateProduct, models.PatchProduct](self, "/v1/products")
        self.categories = Resource[models.CategoryView, models.CreateCategory, models.PatchCategory](self, "/v1/categories")
        self.users = Resource[models.User, Any, Any](self, "/v1/users")
        self.accounts = Resource[models.AccountView, Any, Any](self, "/v1/auth/accounts")
        self.sessions = Resource[models.SessionView, Any, Any](self, "/v1/auth/sessions")

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Any request; gives the body of the answer, or raises a `Problem`."""
        return answer(self._http.request(method, path, **options))

    def resource(self, path: str) -> Resource[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A collection of a service of your own: `portico.resource("/v1/orders")`."""
        return Resource(self, path)

    def variants(self, product_id: str) -> Resource[models.VariantView, models.CreateVariant, models.PatchVariant]:
        """The variants of a product."""
        return Resource(self, f"/v1/products/{product_id}/variants")

    def search(self, words: str, **more: Any) -> Pages[models.ProductView]:
        """Products by words."""
        return Pages(lambda params: self.request("GET", "/v1/search", params=params), _query({"q": words}, more))

    def login(self, email: str, password: str) -> models.TokensView:
        """Begins a session; its tokens go with every request from now on, and are refreshed when they expire."""
        pair = self.request("POST", "/v1/auth/login", json={"email": email, "password": password}, auth=None)
        self.tokens.pair = pair
        return cast(models.TokensView, pair)

    def logout(self) -> None:
        """Ends the session."""
        self.request("POST", "/v1/auth/logout")
        self.tokens.pair = None

    def me(self) -> models.Profile:
        """Who is logged in."""
        return cast(models.Profile, self.request("GET", "/v1/users/me"))

    def close(self) -> None:
        """Closes the connections; the session stays."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncResource(Generic[View, Create, Patch]):
    """As `Resource`, with `await`."""

    def __init__(self, portico: AsyncPortico, path: str) -> None:
        self._portico, self._path = portico, path

    def list(self, filters: Mapping[str, Any] | None = None, **more: Any) -> AsyncPages[View]:
        """As `Resource.list`, for `async for`."""
        return AsyncPages(lambda params: self._portico.request("GET", self._path, params=params), _query(filters, more))

    async def get(self, id: str) -> View:
        """As `Resource.get`."""
        return cast(View, await self._portico.request("GET", f"{self._path}/{id}"))

    async def create(self, body: Create, idempotency_key: str | None = None) -> View:
        """As `Resource.create`."""
        key = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        return cast(View, await self._portico.request("POST", self._path, json=body, headers=key))

    async def update(self, seen: View, patch: Patch) -> View:
        """As `Resource.update`."""
        path = f"{self._path}/{cast(Any, seen)['id']}"
        headers = {"content-type": PATCH, **_etag(seen)}
        return cast(View, await self._portico.request("PATCH", path, json=patch, headers=headers))

    async def delete(self, seen: View) -> None:
        """As `Resource.delete`."""
        await self._portico.request("DELETE", f"{self._path}/{cast(Any, seen)['id']}", headers=_etag(seen))


class AsyncPortico:
    """As `Portico`, with `await`. Tasks of one event loop may share one."""

    def __init__(self, base_url: str, *, timeout: float = 30.0, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.tokens = Tokens(base_url)
        retrying = RetryTransport(transport=transport, retry=_retry())
        self._http = httpx.AsyncClient(base_url=base_url, auth=self.tokens, timeout=timeout, transport=retrying)
        self.products = AsyncResource[models.ProductView, models.CreateProduct, models.PatchProduct](self, "/v1/products")
        self.categories = AsyncResource[models.CategoryView, models.CreateCategory, models.PatchCategory](self, "/v1/categories")
        self.users = AsyncResource[models.User, Any, Any](self, "/v1/users")
        self.accounts = AsyncResource[models.AccountView, Any, Any](self, "/v1/auth/accounts")
        self.sessions = AsyncResource[models.SessionView, Any, Any](self, "/v1/auth/sessions")

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """As `Portico.request`."""
        return answer(await self._http.request(method, path, **options))

    def resource(self, path: str) -> AsyncResource[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """As `Portico.resource`."""
        return AsyncResource(self, path)

    def variants(self, product_id: str) -> AsyncResource[models.VariantView, models.CreateVariant, models.PatchVariant]:
        """As `Portico.variants`."""
        return AsyncResource(self, f"/v1/products/{product_id}/variants")

    def search(self, words: str, **more: Any) -> AsyncPages[models.ProductView]:
        """As `Portico.search`."""
        return AsyncPages(lambda params: self.request("GET", "/v1/search", params=params), _query({"q": words}, more))

    async def login(self, email: str, password: str) -> models.TokensView:
        """As `Portico.login`."""
        pair = await self.request("POST", "/v1/auth/login", json={"email": email, "password": password}, auth=None)
        self.tokens.pair = pair
        return cast(models.TokensView, pair)

    async def logout(self) -> None:
        """As `Portico.logout`."""
        await self.request("POST", "/v1/auth/logout")
        self.tokens.pair = None

    async def me(self) -> models.Profile:
        """As `Portico.me`."""
        return cast(models.Profile, await self.request("GET", "/v1/users/me"))

    async def close(self) -> None:
        """As `Portico.close`."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
