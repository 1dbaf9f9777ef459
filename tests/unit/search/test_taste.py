"""Searches that lean to a shopper's taste: bounded, shown, the same on every page, nothing without one."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.asked import Asked
from mmpipe.search.find.rank import After
from mmpipe.search.find.taste import Taste
from mmpipe.search.page import cursor
from mmpipe.search.page.window import Begin
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
COLOURS = ("red", "blue", "green", "black")
DIM = catalogues.PROFILE.dim


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [
        catalogues.product(f"p{n:03d}", f"{COLOURS[n % 4]} lamp w{n % 7}", price=f"{n % 9 + 1}.00")
        for n in range(80)
    ]
    return catalogues.version(
        catalogues.create(tmp_path_factory.mktemp("taste") / "t", catalogues.rows_of(products))
    )


def taste(text: str, weight: float = 0.15) -> Taste:
    found = Taste.of(catalogues.text_vector(text), weight)
    assert found is not None
    return found


def answered(version: Version, leaning: Taste | None = None, **request: Any) -> dict[str, Any]:
    asked = SearchRequest(**request)
    query = encode(asked, LOADED, {})
    answer = Searcher(LOADED.profile, ServeSettings()).answer(version, asked, query, Asked(leaning))
    found = json.loads(answer.body)
    SearchResponse.model_validate(found)
    found.pop("took_ms")
    return dict(found)


def places_of(color: str, found: dict[str, Any]) -> int:
    """The sum of the places of a colour's products."""
    return sum(place for place, hit in enumerate(found["hits"]) if hit["title"].startswith(color))


def test_the_order_leans_and_says_so(version: Version) -> None:
    plain = answered(version, text="lamp", limit=80)
    leaning = answered(version, taste("blue", 0.6), text="lamp", limit=80)
    assert leaning["personalised"] is True
    assert "personalised" not in plain
    assert places_of("blue", leaning) < places_of("blue", plain)
    assert places_of("blue", answered(version, taste("blue"), text="lamp", limit=80)) < places_of(
        "blue", plain
    )
    for hit in leaning["hits"]:
        assert sum(hit["scores"].values()) == pytest.approx(hit["score"], abs=1e-9)
        assert 0 <= hit["scores"]["taste"] <= 0.6
    assert all("taste" not in hit["scores"] for hit in plain["hits"])


def test_what_is_found_stays_the_same(version: Version) -> None:
    plain = answered(version, text="red lamp", facets=["color"], limit=100)
    leaning = answered(version, taste("green"), text="red lamp", facets=["color"], limit=100)
    assert {hit["id"] for hit in plain["hits"]} == {hit["id"] for hit in leaning["hits"]}
    for name in ("total", "words", "facets"):
        assert plain[name] == leaning[name]
    without = {hit["id"]: hit["score"] for hit in plain["hits"]}
    for hit in leaning["hits"]:
        assert hit["score"] - hit["scores"]["taste"] == pytest.approx(without[hit["id"]], abs=1e-9)


def test_pages_keep_the_taste_of_the_first(version: Version) -> None:
    whole = answered(version, taste("blue"), text="lamp", limit=60)
    pages: list[str] = []
    found = answered(version, taste("blue"), text="lamp", limit=7)
    while True:
        pages += [hit["id"] for hit in found["hits"]]
        if found["next_cursor"] is None or len(pages) >= 60:
            break
        # The shopper went on meanwhile; so does whoever sends no shopper with the cursor.
        later = (taste("red"), None)[len(pages) % 2]
        found = answered(version, later, text="lamp", limit=7, cursor=found["next_cursor"])
        assert found["personalised"] is True
    assert pages[:60] == [hit["id"] for hit in whole["hits"]][: len(pages)]


def test_a_search_that_began_without_goes_on_without(version: Version) -> None:
    first = answered(version, text="lamp", limit=7)
    second = answered(version, taste("blue"), text="lamp", limit=7, cursor=first["next_cursor"])
    assert second == answered(version, text="lamp", limit=7, cursor=first["next_cursor"])


def test_browsing_is_everybodys(version: Version) -> None:
    assert answered(version, taste("blue"), limit=9) == answered(version, limit=9)


def test_the_order_by_price_stays(version: Version) -> None:
    plain = answered(version, text="lamp", sort="price_asc", limit=30)
    leaning = answered(version, taste("blue"), text="lamp", sort="price_asc", limit=30)
    assert [hit["id"] for hit in plain["hits"]] == [hit["id"] for hit in leaning["hits"]]


@given(arrays.arrays(np.float32, DIM, elements=st.floats(-1e3, 1e3, width=32)), st.floats(0, 1))
def test_a_taste_reads_back_from_its_cursor(vector: np.ndarray[Any, Any], weight: float) -> None:
    found = Taste.of(vector, weight)
    if found is None:
        assert weight <= 0 or not np.abs(vector).max()
        return
    assert np.linalg.norm(found.vector) == pytest.approx(1.0, abs=1e-5)
    text = cursor.after(cursor.fixed("t@1", "d", None, None, found), Begin(After(0.5, "p")))
    back = cursor.decode(text).pinned_taste("t", DIM)
    assert back == found
    assert np.array_equal(back.vector, found.vector)
    assert cursor.decode(text).pinned_taste("another", DIM) is None
    assert SearchRequest(cursor=text).cursor == text
    with pytest.raises(InvalidRequest):
        cursor.decode(text).pinned_taste("t", DIM + 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_what_is_no_direction_is_no_taste(value: float) -> None:
    assert Taste.of(np.full(DIM, value, np.float32), 0.15) is None


@pytest.mark.parametrize(
    "pinned",
    [
        ("!!", 0.1, 0.0, 1.0),
        ("AAAA", 0.1, 0.0, 1.0),
        ("", 0.1, 0.0, 1.0),
        ("AAAA", 7.0, 0.0, 1.0),
        ("AAAA", 0.1),
    ],
)
def test_a_hostile_taste_is_refused(version: Version, pinned: tuple[object, ...]) -> None:
    first = answered(version, taste("blue"), text="lamp", limit=7)
    padded = first["next_cursor"] + "=" * (-len(first["next_cursor"]) % 4)
    held = json.loads(base64.urlsafe_b64decode(padded))
    held["taste"] = pinned
    forged = base64.urlsafe_b64encode(json.dumps(held).encode()).decode().rstrip("=")
    with pytest.raises(InvalidRequest) as error:
        answered(version, text="lamp", limit=7, cursor=forged)
    assert error.value.field == "cursor"
