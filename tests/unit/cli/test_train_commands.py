"""What ``mmpipe train encoders`` says of a finished run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from click.testing import Result

pytest.importorskip("torch")

from mmpipe.learn.adapt.run import Outcome
from mmpipe.learn.catalogue_data import ReadReport

if TYPE_CHECKING:
    from mmpipe.lake.models import RegisteredModel


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """What every run of the test comes to: a result that is no better."""
    report = ReadReport(
        rows=90, rejected_rows=2, rejected_media=3, products=88, pairs=80, recordings=4, clips=1
    )
    report.note(7, "image_link", "no picture [there]")
    found = Outcome(
        name="my-shop", parent="starter", folder="out/weights", data=report, data_fingerprint="f" * 64,
        held_out=8, steps=40, seconds=12.0, share=0.5,
        before={"recall@10": 0.5, "mrr": 0.3}, after={"recall@10": 0.5, "mrr": 0.25},
        change=(-0.05, -0.1, 0.01),
        general={"before": {"glossary_zh_en": 0.85}, "after": {"glossary_zh_en": 0.8}},
        fused={"before": {"mixed": 0.7}, "after": {"mixed": 0.71}},
    )  # fmt: skip

    def adapt(*_: Any, **words: Any) -> Outcome:
        words["teller"].reading(90, 80)
        words["teller"].training(3, 40, {"titles": 1.5})
        return found

    monkeypatch.setattr("mmpipe.learn.adapt.run.adapt", adapt)
    return found


def trained(run: Callable[..., Result], folder: Path, *options: str) -> Result:
    (folder / "feed.jsonl").write_text("{}\n")
    named = ("--catalogue", folder / "feed.jsonl", "--name", "my-shop", "--lake", folder / "lake")
    return run("train", "encoders", *named, *options)


def test_a_result_that_is_no_better_is_shown_and_ends_with_3(
    run: Callable[..., Result], outcome: Outcome, tmp_path: Path
) -> None:
    result = trained(run, tmp_path)
    assert result.exit_code == 3
    for part in (
        "80 of 88 products have a picture, 4 a recording, 1 a clip; 2 rows and 3 media were rejected",
        "image_link: no picture [there]",
        "title → picture recall@10",
        "fused, MRR of query by mixed",
        "general glossary zh en",
        "MRR -0.0500 (90 % interval -0.1000 to +0.0100); 50% of the way from the parent",
        "not registered my-shop finds held-out products no better than starter; the weights are in",
    ):
        assert part in result.output, result.output


def test_a_registered_result_names_the_next_commands(
    run: Callable[..., Result], outcome: Outcome, tmp_path: Path
) -> None:
    model = SimpleNamespace(revision="fedcba9876543210", profile_fingerprint="0123456789abcdef")
    outcome.registered = cast("RegisteredModel", model)
    result = trained(run, tmp_path, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["registered"] == outcome.registered.revision
    assert found["next"][2] == f"mmpipe live switch products_my-shop_01234567 --lake {tmp_path / 'lake'}"
    shown = trained(run, tmp_path)
    assert f"registered my-shop revision {outcome.registered.revision}" in shown.output
    assert found["next"][0] in shown.output
