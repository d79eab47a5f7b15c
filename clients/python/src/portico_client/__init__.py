"""Portico from Python.

    from portico_client import Portico

    with Portico("http://127.0.0.1:8080") as portico:
        portico.login("you@example.com", "...")
        for product in portico.products.list(status="active"):
            print(product["title"])
        frame = portico.products.list().to_dataframe()

`AsyncPortico` has the same with `await` and `async for`. What comes and goes is plain dicts, typed in `portico_client.models`.
"""

from . import models
from ._client import AsyncPortico, AsyncResource, Portico, Resource
from ._pages import AsyncPages, Pages
from ._problem import Problem

__all__ = ["AsyncPages", "AsyncPortico", "AsyncResource", "Pages", "Portico", "Problem", "Resource", "models"]
