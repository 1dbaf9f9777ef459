"""The figures of a comparison of two tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmpipe.errors import PublishRejected
from mmpipe.evaluate import compare
from mmpipe.evaluate.compare import (
    MAX_DROP,
    Comparison,
    Coverage,
    Difference,
    _difference,
    _overlap,
    _titles,
    refuse_worse,
)
from tests.unit.search import catalogues


def difference(by: float, low: float, high: float) -> Difference:
    return Difference(live=0.8, candidate=0.8 + by, difference=by, low=low, high=high)


def comparison(measure: Difference, **coverage: Coverage) -> Comparison:
    return Comparison(
        live="products_a@1",
        candidate="products_b@1",
        live_products=10,
        candidate_products=10,
        kind="judged",
        queries=40,
        unanswerable=0,
        measures={"recall@10": measure},
        overlap=0.5,
        coverage=coverage,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("measure", "worse"),
    [
        (difference(0.02, 0.01, 0.03), False),
        (difference(0.0, 0.0, 0.0), False),
        (difference(-0.02, -0.03, -0.01), True),  # little, but certain
        (difference(-0.02, -0.05, 0.01), False),  # may be chance
        (difference(-MAX_DROP - 0.01, -0.2, 0.05), True),  # may be chance, but too much to bet on
    ],
)
def test_what_is_worse_is_refused(measure: Difference, worse: bool) -> None:
    found = comparison(measure, image=Coverage(live=100, candidate=95))
    assert bool(found.losses()) == worse
    if not worse:
        refuse_worse(found)
        return
    with pytest.raises(PublishRejected, match=r"products_b@1 is worse .* recall@10 0\.8000 → .*40 judged"):
        refuse_worse(found)


def test_lost_photos_are_a_loss_and_new_ones_none() -> None:
    same = difference(0.0, 0.0, 0.0)
    found = comparison(same, image=Coverage(live=100, candidate=94), audio=Coverage(live=0, candidate=5))
    assert found.losses() == ["products with image 100 → 94"]
    refuse_worse(comparison(same, image=Coverage(live=100, candidate=100)))


def test_the_interval_is_that_of_the_mean_difference() -> None:
    rng = np.random.default_rng(3)
    live = rng.random(400)
    candidate = live + rng.normal(0.05, 0.2, 400)
    found = _difference(live, candidate, np.random.default_rng(0))
    error = (candidate - live).std() / np.sqrt(400)
    assert found.difference == round(float((candidate - live).mean()), 4)
    # The normal approximation, which the percentiles come near to at 400 queries.
    assert abs(found.low - (found.difference - 1.96 * error)) < 0.15 * error + 1e-4
    assert abs(found.high - (found.difference + 1.96 * error)) < 0.15 * error + 1e-4
    assert found.certain


def test_equal_answers_differ_by_nothing() -> None:
    same = np.ones(5)
    found = _difference(same, same, np.random.default_rng(0))
    assert (found.low, found.difference, found.high, found.certain) == (0, 0, 0, False)


def test_pairs_are_resampled_together() -> None:
    # Queries differ far more than the two tables do: unpaired, the interval would hold 0.
    live = np.tile([0.0, 1.0], 100)
    found = _difference(live, live + 0.01, np.random.default_rng(0))
    assert found.low == found.high == 0.01


def test_overlap() -> None:
    assert _overlap([], []) == 1.0
    assert _overlap(["a", "b"], ["b", "c"]) == 0.5
    assert _overlap(["a"], []) == 0.0
    assert _overlap(["a"], ["a", "b", "c", "d"]) == 0.25


def test_every_title_is_asked_once_and_means_all_products_that_have_it(tmp_path: Path) -> None:
    titles = {"a": "red lamp", "b": "red lamp", "c": "blue chair", "gone": "old sofa"}
    rows = catalogues.rows_of([catalogues.product(i, title) for i, title in titles.items()])
    catalogues.create(tmp_path / "t", rows)
    live = catalogues.version(catalogues.upsert(tmp_path / "t", catalogues.tombstones(["gone"])))
    asked = {query.text: query.relevant for query in _titles(live, 0)}
    assert asked == {"blue chair": {"c"}, "red lamp": {"a", "b"}}


def test_of_many_titles_the_same_are_drawn_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MAX_TITLES", 5)
    products = [catalogues.product(f"p{n}", f"thing {n}") for n in range(20)]
    live = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    drawn = [tuple(query.text for query in _titles(live, seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 5
