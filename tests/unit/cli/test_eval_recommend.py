"""``mmpipe eval recommend`` from file to row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

pytest.importorskip("torch")

from mmpipe.errors import InvalidRequest

Run = Callable[..., Result]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Forty shoppers who go around a circle of twelve products."""
    path = tmp_path / "log.txt"
    lines = [" ".join([f"u{u}", *(f"p{(u + k) % 12}" for k in range(6))]) for u in range(40)]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Texts of the twelve products."""
    path = tmp_path / "items.jsonl"
    kinds = ("red dress", "blue mug", "oak table")
    rows = [{"id": f"p{i}", "title": f"{kinds[i % 3]} number {i}"} for i in range(12)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def rows(result: Result) -> list[dict[str, float]]:
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_row_a_model(run: Run, log: Path) -> None:
    found = rows(run("eval", "recommend", "--interactions", log, "--model", "item-knn", "--json"))
    assert len(found) == 1
    assert {"users", "items", "model", "hr@10", "ndcg@10", "coverage", "train_seconds", "seconds"} <= set(
        found[0]
    )
    assert (found[0]["users"], found[0]["items"], found[0]["model"]) == (40, 12, "item-knn")
    assert found[0]["hr@10"] == 1.0


def test_the_default_learns_the_circle(run: Run, log: Path) -> None:
    found = rows(run("eval", "recommend", "--interactions", log, "--threads", 1, "--json"))
    assert [row["model"] for row in found] == ["blend"]
    assert found[0]["ndcg@10"] > 0.9


def test_new_items_are_measured_by_their_texts(run: Run, log: Path, items: Path) -> None:
    common = ("eval", "recommend", "--interactions", log, "--items", items, "--split", "cold-items")
    found = rows(run(*common, "--model", "content", "--json"))
    assert found[0]["cold_users"] + found[0]["warm_users"] == found[0]["users"]


def test_a_table_for_people(run: Run, log: Path) -> None:
    shown = run("eval", "recommend", "--interactions", log, "--model", "popular", "--split", "time").output
    assert "split time" in shown
    assert "ndcg@10" in shown


def test_what_cannot_be_measured_is_said(run: Run, log: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="none of popular"):
        run("eval", "recommend", "--interactions", log, "--model", "bert")
    with pytest.raises(InvalidRequest, match="--items FILE"):
        run("eval", "recommend", "--interactions", log, "--model", "content")
    alone = tmp_path / "alone.txt"
    alone.write_text("u1 a\nu2 b\n")
    with pytest.raises(InvalidRequest, match="no user has both"):
        run("eval", "recommend", "--interactions", alone)
