"""Experiments on answers: settings by arm, who is counted, two rankings in one list."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mmpipe.experiments import Arm, ArmSettings, ExperimentBook
from mmpipe.lake import Lake, open_lake
from mmpipe.objects import open_store
from mmpipe.recommend.behaviour import Shopper
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.serve.answer.trials import Trials
from mmpipe.settings import LakeSettings, Settings

SHOP = "shop"
SHOPPERS = [Shopper(None, f"visit-{number}") for number in range(40)]
REQUEST = RecommendationsRequest(kind="for_you", session_id="any", diversity=0.1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path))))
    made.collection(SHOP, create=True)
    return made


def trials(lake: Lake, *changes: ArmSettings, **more: Any) -> Trials:
    """Of a replica that has read one experiment: the control, and an arm for each of ``changes``."""
    arms = [Arm(name="control"), *(Arm(name=f"arm-{n}", settings=each) for n, each in enumerate(changes))]
    held = lake.collection(SHOP)
    book = ExperimentBook(open_store(held.uri), held.uri)
    book.define("tried", tuple(arms), now=datetime.now(UTC) - timedelta(minutes=1), **more)
    found = Trials(lake)
    found.follow(SHOP)
    found.close()  # reads what is defined, as its thread would
    return found


def exposures(lake: Lake, found: Trials) -> Counter[str]:
    """How many shoppers are noted, by list."""
    found.close()
    return Counter(lake.collection(SHOP).interactions.to_table()["list"].to_pylist())


def response(*ids: str) -> bytes:
    return json.dumps({"lists": [{"kind": "for_you", "items": [{"id": each} for each in ids]}]}).encode()


def test_an_arm_changes_the_request_and_every_arm_is_counted(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9, model=False))
    asked: list[tuple[float | None, bool | None]] = []

    def make(request: RecommendationsRequest, settings: ArmSettings) -> bytes:
        asked.append((request.diversity, settings.model))
        return response("a")

    for shopper in SHOPPERS * 2:
        assert found.lists(SHOP, shopper, REQUEST, make) == response("a")
    assert set(asked) == {(0.1, None), (0.9, False)}
    counted = exposures(lake, found)
    assert set(counted) == {"experiment:tried:control", "experiment:tried:arm-0"}
    assert sum(counted.values()) == len(SHOPPERS)


def test_nobody_is_in_no_experiment(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9))
    assert found.lists(SHOP, None, REQUEST, lambda request, _: str(request.diversity).encode()) == b"0.1"
    assert not exposures(lake, found)


def test_a_search_counts_for_what_a_search_can_show_alone(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9))
    assert {found.taste(SHOP, shopper, 0.2) for shopper in SHOPPERS} == {0.2}
    assert not exposures(lake, found)


def test_an_arm_changes_how_far_a_search_leans(lake: Lake) -> None:
    found = trials(lake, ArmSettings(taste=0.5))
    assert {found.taste(SHOP, shopper, 0.2) for shopper in SHOPPERS} == {0.2, 0.5}
    found.lists(SHOP, SHOPPERS[0], REQUEST, lambda *_: response("a"))
    assert sum(exposures(lake, found).values()) == len(SHOPPERS)


def test_two_rankings_become_one_list(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9), design="interleave")

    def make(request: RecommendationsRequest, settings: ArmSettings) -> bytes:
        return response("a", "b", "c") if request.diversity == 0.1 else response("c", "d", "e")

    first: Counter[str] = Counter()
    for shopper in SHOPPERS:
        answer = found.lists(SHOP, shopper, REQUEST, make)
        assert found.lists(SHOP, shopper, REQUEST, make) == answer, "the same for the day"
        ids = [item["id"] for item in json.loads(answer)["lists"][0]["items"]]
        assert len(ids) == len(set(ids)) == 3
        assert set(ids) <= set("abcde")
        first[ids[0]] += 1
    assert set(first) == {"a", "c"}
    assert sum(exposures(lake, found).values()) == len(SHOPPERS)


def test_interleaved_lists_repeat_no_variant_and_sell_what_the_first_sold(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9), design="interleave")

    def item(name: str, group: str | None = None, *, sponsored: bool = False) -> dict[str, Any]:
        return {"id": name, "item_group_id": group, "sponsored": sponsored}

    first = [item("sold", sponsored=True), item("red-1", "red"), item("a")]
    second = [item("other", sponsored=True), item("red-2", "red"), item("sold"), item("b"), item("c")]

    def make(request: RecommendationsRequest, settings: ArmSettings) -> bytes:
        items, paid = (first, "paid") if request.diversity == 0.1 else (second, "not shown")
        return json.dumps({"lists": [{"kind": "for_you", "query_id": paid, "items": items}]}).encode()

    for shopper in SHOPPERS:
        (answer,) = json.loads(found.lists(SHOP, shopper, REQUEST, make))["lists"]
        ids = [each["id"] for each in answer["items"]]
        assert answer["query_id"] == "paid"
        assert sorted(ids) == ["a", "b", "c", "red-1", "sold"]
        assert {each["id"] for each in answer["items"] if each["sponsored"]} == {"sold"}


def test_several_lists_are_those_of_the_first_ranking(lake: Lake) -> None:
    found = trials(lake, ArmSettings(diversity=0.9), design="interleave")
    both = RecommendationsRequest.model_validate({"lists": [{"kind": "popular"}, {"kind": "trending"}]})
    made: list[float | None] = []

    def make(request: RecommendationsRequest, settings: ArmSettings) -> bytes:
        made.append(request.diversity)
        return str(request.diversity).encode()

    assert found.lists(SHOP, SHOPPERS[0], both, make) == b"None"
    assert made == [None], "nothing is made that is not shown"
    assert not exposures(lake, found)
