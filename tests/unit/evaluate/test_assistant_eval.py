"""The assistant's figures: what is right, what is wrong and why, and claims that do not hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from examples.assistant.__main__ import write
from examples.assistant.products import measured
from mmpipe.errors import InvalidRequest
from mmpipe.evaluate import assistant_eval
from mmpipe.evaluate.assistant_eval import WrittenReview, holds
from mmpipe.schemas.assistant import AssistantResponse, Claim
from mmpipe.schemas.product import PublicProduct
from mmpipe.settings import IndexingSettings, ServeSettings, Settings

SETTINGS = Settings(indexing=IndexingSettings(profile="fake"))


def _files(folder: Path, turns: list[dict[str, Any]]) -> tuple[Path, Path]:
    products, judged = folder / "products.jsonl", folder / "turns.jsonl"
    products.write_text("".join(json.dumps(row) + "\n" for row in measured()))
    judged.write_text(json.dumps({"language": "en", "turns": turns}) + "\n")
    return products, judged


def test_right_and_wrong_turns_are_told_apart(tmp_path: Path) -> None:
    question = "how much does the Arcwell Pocket power bank weigh?"
    turns = [
        {"say": question, "kind": "attribute", "products": ["pb-volt-10"], "value": "210 g"},
        {"say": question, "kind": "attribute", "products": ["pb-volt-10"], "value": "9 kg"},
        {"say": question, "kind": "attribute", "products": ["pb-sun"], "value": "210 g"},
        {"say": question, "kind": "unanswerable", "declined": ["not_said"]},
        {"say": question, "kind": "injected", "products": ["pb-volt-10"], "never": ["210"]},
        {"say": "is it made in Italy?", "kind": "unanswerable", "declined": ["not_said"]},
        {"say": "tents"},
        {"say": "is a Halvard Dome lighter than a Halvard Trek?", "kind": "compare", "winner": "tent-dome"},
    ]  # fmt: skip
    settings = SETTINGS.model_copy(update={"serve": ServeSettings(mirror_dir=str(tmp_path / "mirror"))})
    products, judged = _files(tmp_path, turns)
    report = assistant_eval.run(settings, [products], judged)
    assert (report.all["turns"], report.all["right"]) == (7, round(2 / 7, 4))
    assert report.all["claims_held"] == 1.0
    assert report.by_kind["attribute"]["right"] == round(1 / 3, 4)
    assert len(report.wrong) == 5
    assert set(report.by_language) == {"en"}


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"quote": "it weighs 3 kg"}, False),
        ({"value": "3 kg"}, False),
        ({"field": "title"}, False),
        ({"field": "attributes.weight"}, False),
        ({"product_id": "b"}, False),
        ({"start": 1}, False),
        ({"quote": "", "value": ""}, False),
        ({"field": "reviews.r1", "quote": "About 2 kg.", "value": "2 kg"}, True),
        ({"field": "reviews.r2", "quote": "About 2 kg.", "value": "2 kg"}, False),
    ],
)
def test_a_claim_holds_where_its_evidence_is(change: dict[str, Any], right: bool) -> None:
    product = PublicProduct(id="a", title="T", description="Red. It weighs 2 kg.")
    given = {
        "id": "c1",
        "product_id": "a",
        "field": "description",
        "quote": "It weighs 2 kg.",
        "value": "2 kg",
    }
    claim = Claim.model_validate({**given, "start": 0, "end": 4, **change})
    answer = AssistantResponse.model_construct(text="2 kg")
    reviews = {"a": [WrittenReview(product_id="a", review_id="r1", text="Nice. About 2 kg.")]}
    assert holds(answer, claim, {"a": product}, reviews) is right


@pytest.mark.parametrize("line", ["{", '{"language": "en"}', '{"language": "en", "turns": [{"x": 1}]}'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    products, judged = _files(tmp_path, [])
    judged.write_text(line)
    with pytest.raises(InvalidRequest, match="line 1"):
        assistant_eval.run(SETTINGS, [products], judged)


def test_the_judged_set_has_every_kind_in_both_languages(tmp_path: Path) -> None:
    write(tmp_path)
    talks = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    judged = [(talk["language"], turn) for talk in talks for turn in talk["turns"] if "kind" in turn]
    assert len(judged) >= 150
    kinds = {"find", "refine", "compare", "attribute", "reviews", "unanswerable", "injected"}
    for language in ("en", "zh"):
        assert {turn["kind"] for own, turn in judged if own == language} == kinds
    assert all(turn["products"] for _, turn in judged if turn["kind"] in ("find", "refine"))
