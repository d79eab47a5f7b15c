"""The client for threads, against the running suite."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy
import pandas
import pytest
from portico_client import Portico, Problem, models

from .conftest import GATEWAY, login


def product() -> models.CreateProduct:
    slug = f"cup-{uuid.uuid4()}"
    price: models.PriceBody = {"amount_minor": 900, "currency": "EUR"}
    return {"slug": slug, "title": "Tin cup", "variants": [{"sku": slug.upper()[:40], "prices": [price]}]}


class Faulty(httpx.BaseTransport):
    """Answers some requests itself, and passes the others on."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers, self._inner = list(answers), httpx.HTTPTransport()
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if self._answers:
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return self._inner.handle_request(request)


def test_everybody_can_read_the_catalogue_page_by_page(anonymous: Portico) -> None:
    all_at_once = [item["id"] for item in anonymous.products.list(limit=100)]

    pages = list(anonymous.products.list(limit=7).pages())

    assert len(all_at_once) >= 20
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert [item["id"] for page in pages for item in page] == all_at_once


def test_filters_that_python_cannot_name_are_given_as_a_mapping(anonymous: Portico) -> None:
    cheap = list(anonymous.products.list({"price.lt": 2000}, currency="EUR"))

    assert 0 < len(cheap) < len(list(anonymous.products.list()))
    with pytest.raises(Problem) as refused:
        list(anonymous.products.list({"price.under": 2000}))
    assert (refused.value.status, refused.value.code) == (400, "invalid_parameter")


def test_a_product_is_made_changed_and_deleted(editor: Portico) -> None:
    made = editor.products.create(product())
    assert made == editor.products.get(made["id"])

    changed = editor.products.update(made, {"title": "Tin mug"})
    assert (changed["title"], changed["version"]) == ("Tin mug", made["version"] + 1)
    with pytest.raises(Problem) as stale:
        editor.products.update(made, {"title": "Tin pot"})
    assert (stale.value.status, stale.value.code) == (412, "version_mismatch")

    editor.products.delete(changed)
    with pytest.raises(Problem) as gone:
        editor.products.get(made["id"])
    assert gone.value.status == 410


def test_all_that_is_wrong_is_told_with_the_id_of_the_request(editor: Portico) -> None:
    with pytest.raises(Problem) as refused:
        editor.products.create({"slug": "Not A Slug", "title": ""})

    problem = refused.value
    assert (problem.status, problem.code) == (422, "validation_failed")
    assert {error["pointer"] for error in problem.errors} == {"/slug", "/title"}
    assert problem.request_id and "/slug" in str(problem)


def test_a_key_makes_one_of_two_requests(editor: Portico) -> None:
    body, key = product(), str(uuid.uuid4())

    assert editor.products.create(body, key) == editor.products.create(body, key)


def test_nobody_is_logged_in_without_a_login(anonymous: Portico) -> None:
    with pytest.raises(Problem) as refused:
        anonymous.me()
    assert refused.value.status == 401
    with pytest.raises(Problem) as wrong:
        anonymous.login(login("editor")[0], "not the password of anybody")
    assert wrong.value.code == "invalid_credentials"


def test_an_expired_token_is_refreshed_once_for_all_threads() -> None:
    counted = Faulty()
    with Portico(GATEWAY, transport=counted) as portico:
        portico.login(*login("editor"))
        pair = portico.tokens.pair
        assert pair is not None
        # What the suite answers to a token that has expired.
        portico.tokens.pair = {**pair, "access_token": pair["access_token"][:-8] + "AAAAAAAA"}
        start = threading.Barrier(8)

        def ask(_: int) -> Any:
            start.wait()
            return portico.me()["id"]

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(ask, range(8)))

        paths = Counter(request.url.path for request in counted.sent)
        assert len(ids) == 1
        assert paths["/v1/auth/refresh"] == 1
        # Nothing was sent twice, or the session would have ended.
        assert portico.me()["id"] in ids


def test_a_session_that_has_ended_is_a_problem() -> None:
    with Portico(GATEWAY) as portico, Portico(GATEWAY) as other:
        portico.login(*login("customer"))
        other.tokens.pair = portico.tokens.pair
        portico.logout()

        # Until the gateway has heard of it, the access token still counts.
        deadline = time.monotonic() + 10
        with pytest.raises(Problem) as ended:
            while time.monotonic() < deadline:
                other.me()
        assert ended.value.status in (400, 401)
        assert other.tokens.pair is None


def test_what_was_refused_for_now_is_tried_again_after_the_pause_that_was_asked_for() -> None:
    faulty = Faulty(
        httpx.Response(503, headers={"retry-after": "0"}),
        httpx.ConnectError("refused"),
        httpx.Response(429, headers={"retry-after": "1"}),
    )
    with Portico(GATEWAY, transport=faulty) as portico:
        page = next(iter(portico.products.list(limit=1).pages()))

    assert len(page) == 1
    assert len(faulty.sent) == 4


def test_what_may_have_been_done_is_not_tried_again() -> None:
    faulty = Faulty(httpx.Response(502), httpx.ReadTimeout("slow"))
    with Portico(GATEWAY, transport=faulty) as portico:
        with pytest.raises(Problem):
            portico.products.get("x")
        with pytest.raises(httpx.ReadTimeout):
            portico.products.get("x")

    assert len(faulty.sent) == 2


def test_a_list_becomes_a_frame(anonymous: Portico) -> None:
    frame = anonymous.products.list(limit=50).to_dataframe()

    assert len(frame) == len(list(anonymous.products.list()))
    assert {"id", "title", "status", "version"} <= set(frame.columns)
    assert str(frame["created_at"].dtype).startswith("datetime64")
    assert frame["version"].dtype == numpy.int64
    assert isinstance(frame, pandas.DataFrame)


def test_the_numbers_of_a_field_become_an_array(editor: Portico) -> None:
    versions = editor.products.list().to_numpy("version")
    listed = list(editor.products.list())

    assert versions.dtype == numpy.int64
    assert versions.tolist() == [item["version"] for item in listed]
