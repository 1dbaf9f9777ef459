"""Scores that lean to a query's own modality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.encoders.base import FusionInfo, FusionKind, Modality
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.search.find.lean import leaned, photo, settle, towards
from mmpipe.search.find.match import Survey
from mmpipe.search.find.query import compose
from mmpipe.search.find.question import Question
from mmpipe.search.find.scoring import Statistics, VectorScale
from mmpipe.search.shards.merge import scoring_of

SCALE = VectorScale(0.1, 0.9)


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize(
    "weights", [{"text": 1.0}, {"image": 0.2}, {"text": 1.0, "image": 3.0}, {"video": 1.0}]
)
def test_a_query_leans_to_texts_and_pictures_that_it_has_and_never_wholly(
    weights: dict[Modality, float], apart: bool
) -> None:
    leaning = towards(weights, apart=apart)
    assert leaning.keys() == weights.keys() & {"text", "image"}
    assert sum(leaning.values()) < 1
    assert all(value > 0 for value in leaning.values())
    assert sum(towards(weights, rest=2.0, apart=apart).values()) <= sum(leaning.values())


def test_words_that_full_text_counts_are_leant_to_less_and_photos_as_ever() -> None:
    assert (
        0
        < towards({"text": 1.0}, apart=True, counted=True)["text"]
        < towards({"text": 1.0}, apart=True)["text"]
    )
    assert towards({"image": 1.0}, apart=True, counted=True) == towards({"image": 1.0}, apart=True)


def test_a_photo_of_a_review_stands_for_what_scores_lean_to_pictures_or_more() -> None:
    assert photo({"image": 1.0}) == towards({"image": 1.0}, apart=True)["image"]
    assert photo({"text": 1.0, "image": 1.0}) > towards({"text": 1.0, "image": 1.0}, apart=True)["image"]
    assert photo({"text": 1.0}) == 0.0


def test_a_mean_of_words_and_looks_is_leant_from_further_than_the_two_side_by_side() -> None:
    both: dict[Modality, float] = {"text": 1.0, "image": 1.0}
    beside, mean = towards(both, apart=True), towards(both, apart=False)
    assert all(beside[m] < mean[m] for m in both)
    assert photo(both) == mean["image"]
    assert towards({"image": 1.0}, apart=True) == towards({"image": 1.0}, apart=False)


@pytest.mark.parametrize(
    ("kind", "single", "apart"),
    [
        ("slots", False, True),
        ("slots", True, False),
        ("weighted_mean", False, False),
        ("gated_attention", False, False),
    ],
)
def test_a_fusion_says_whether_it_has_words_and_looks_apart(
    kind: FusionKind, single: bool, apart: bool
) -> None:
    info = FusionInfo(kind, "1", {"text": 0.5, "image": 0.5}, single)
    profile = replace(registry.load("fake").profile, fusion=info)
    query = compose(SearchRequest(), profile, {}, {})
    assert query.apart is apart


def test_who_weighs_nothing_is_not_leant_to() -> None:
    assert towards({"text": 0.0, "image": 1.0}, apart=True) == towards({"image": 1.0}, apart=True)
    assert (
        towards({"text": 1.0, "image": 3.0}, apart=True)["image"]
        > towards({"text": 1.0, "image": 1.0}, apart=True)["image"]
    )


def falling(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    fused = np.sort(rng.uniform(0.1, 0.9, count).round(2).astype(np.float32))[::-1]
    own = rng.uniform(0.5, 1.0, count).astype(np.float32)
    own[rng.random(count) < 0.3] = np.nan
    return fused, own


@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), depth=st.integers(1, 50))
def test_own_cosines_are_brought_to_where_the_fused_are(seed: int, count: int, depth: int) -> None:
    fused, own = falling(seed, count)
    scale = settle(SCALE, {"text": 0.9}, fused, {"text": own}, depth)
    inside = np.ones(count, np.bool_) if count <= depth else fused > fused[depth]
    there = inside & ~np.isnan(own)
    if there.sum() < 2:
        assert scale is SCALE
        return
    (lean,) = scale.leans
    moved = lean.moved(own[there])
    assert moved.mean() == pytest.approx(fused[there].mean(), abs=1e-6)
    assert moved.std() == pytest.approx(fused[there].std(), abs=1e-6)
    scores = leaned(scale.leans, fused, {"text": own})
    lacking = np.isnan(own)
    assert scores[lacking].tolist() == fused[lacking].tolist()
    expected = 0.1 * fused[there] + 0.9 * moved
    assert scores[there] == pytest.approx(expected, abs=1e-6)
    assert scale.floor == SCALE.floor
    assert scale.best >= max(SCALE.best, float(scores[inside].max()))


def test_where_all_are_alike_nothing_leans() -> None:
    fused, own = np.array([0.9, 0.5, 0.4], np.float32), np.full(3, 0.7, np.float32)
    assert settle(SCALE, {"image": 0.9}, fused, {"image": own}, 5) is SCALE


@given(seed=st.integers(0, 2**32), count=st.integers(1, 80), shards=st.integers(1, 4))
def test_shards_lean_as_one_process_does_to_the_last_bit(seed: int, count: int, shards: int) -> None:
    fused, own = falling(seed, count)
    owner = np.random.default_rng(seed + 1).integers(0, shards, count)
    question = Question(Filters(), asks=True, vector_weight=1.0, depth=20, leaning={"text": 0.9})

    def survey(rows: np.ndarray) -> Survey:
        first = rows[:21]
        none = np.zeros(len(first), np.bool_)
        return Survey(Statistics(1, 1, ()), 0, fused[first], True, none, {"text": own[first]})

    whole = scoring_of([survey(np.arange(count))], question)
    split = scoring_of([survey(np.flatnonzero(owner == shard)) for shard in range(shards)], question)
    assert split.vector == whole.vector
