"""Lists: an iterator over all pages, and what data scientists make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    import numpy
    import pandas

T = TypeVar("T")
Params = Mapping[str, Any]


class Pages(Generic[T]):
    """What a list holds, fetched page by page while it is read; begins anew with each `for`."""

    def __init__(self, fetch: Callable[[Params], Any], params: Params) -> None:
        self._fetch, self._params = fetch, params

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[list[T]]:
        """The same, a page at a time."""
        params = dict(self._params)
        while True:
            page = self._fetch(params)
            yield page["items"]
            cursor = page["page"]["next_cursor"]
            if cursor is None:
                return
            params["cursor"] = cursor

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each, with a column for each field and for each field within one (`price.amount_minor`).

        Columns that end in `_at` are times in UTC, those in `_on` are days. Needs `portico-client[pandas]`.
        """
        return frame(list(self))

    def to_numpy(self, field: str) -> numpy.ndarray[Any, Any]:
        """The numbers of one field, which may be within another (`price.amount_minor`): integers, or floats with NaN where there
        is none. Needs `portico-client[pandas]`.
        """
        return numbers(list(self), field)


class AsyncPages(Generic[T]):
    """The same for `async for`."""

    def __init__(self, fetch: Callable[[Params], Awaitable[Any]], params: Params) -> None:
        self._fetch, self._params = fetch, params

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page:
                yield item

    async def pages(self) -> AsyncIterator[list[T]]:
        """The same, a page at a time."""
        params = dict(self._params)
        while True:
            page = await self._fetch(params)
            yield page["items"]
            cursor = page["page"]["next_cursor"]
            if cursor is None:
                return
            params["cursor"] = cursor

    async def to_dataframe(self) -> pandas.DataFrame:
        """As `Pages.to_dataframe`."""
        return frame([item async for item in self])

    async def to_numpy(self, field: str) -> numpy.ndarray[Any, Any]:
        """As `Pages.to_numpy`."""
        return numbers([item async for item in self], field)


def frame(items: list[Any]) -> pandas.DataFrame:
    """A row for each."""
    import pandas

    table = pandas.json_normalize(items)
    for name in table.columns:
        if str(name).endswith(("_at", "_on")):
            table[name] = pandas.to_datetime(table[name], utc=str(name).endswith("_at"), format="ISO8601")
    return cast("pandas.DataFrame", table)


def numbers(items: list[Any], field: str) -> numpy.ndarray[Any, Any]:
    """The numbers of one field."""
    import numpy

    found = [_at(item, field) for item in items]
    if all(isinstance(value, int) for value in found):
        return numpy.array(found, dtype=numpy.int64)
    return numpy.array([numpy.nan if value is None else value for value in found], dtype=numpy.float64)


def _at(item: Any, field: str) -> Any:
    for name in field.split("."):
        if item is None:
            return None
        item = item[name]
    return item
