"""Runs are repeatable and resumable, what is exported is what was trained, and workers share one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from mmpipe.encoders.starter.loader import WEIGHTS as SHIPPED  # noqa: E402
from mmpipe.encoders.starter.loader import load  # noqa: E402
from mmpipe.encoders.starter.towers import Concepts  # noqa: E402
from mmpipe.learn.adapt.export import embedders_of, export_towers  # noqa: E402
from mmpipe.learn.adapt.model import AdaptModel, blended, fresh, from_weights, scaled  # noqa: E402
from mmpipe.learn.adapt.settings import AdaptSettings  # noqa: E402
from mmpipe.learn.adapt.step import AdaptRecipe, frozen_copy  # noqa: E402
from mmpipe.learn.adapt.train import BEST, Job, Stopped, history_of, train  # noqa: E402
from mmpipe.learn.adapt.workers import Workers  # noqa: E402
from mmpipe.learn.catalogue_data import CatalogueData, split_items  # noqa: E402
from mmpipe.learn.precision import autocast  # noqa: E402

QUICK = AdaptSettings(epochs=3, batch=16, device="cpu", held_out=0.5, learning_rate=1e-3)
Folder = Callable[[str], Path]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    (checkpoint,) = folder.glob("step-*.safetensors")
    return load_file(checkpoint)


def assert_equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_a_run_is_repeatable_and_resumes_as_if_never_stopped(run_folder: Folder, parent: Path) -> None:
    whole, again = run_folder("whole"), run_folder("again")
    train(Job(whole, parent, QUICK))
    stop = threading.Event()

    def in_the_second_epoch(step: int, steps: int, figures: Mapping[str, float]) -> None:
        assert {"titles", "documents", "away"} <= figures.keys()
        if step == 2:
            stop.set()

    with pytest.raises(Stopped) as stopped:
        train(Job(again, parent, QUICK), report=in_the_second_epoch, stop=stop)
    assert stopped.value.step == 3
    train(Job(again, parent, QUICK))
    assert_equal(weights_of(whole), weights_of(again))
    losses = [entry["titles"] for entry in history_of(whole) if "loss" in entry]
    assert losses == [entry["titles"] for entry in history_of(again) if "loss" in entry]
    other = run_folder("other")
    train(Job(other, parent, replace(QUICK, seed=18, epochs=1)))
    assert losses[0] != next(entry["titles"] for entry in history_of(other) if "loss" in entry)
    # The start is judged too: what never beats it is not kept.
    measured = [entry["score"] for entry in history_of(whole) if "score" in entry]
    assert len(measured) >= 2
    assert (whole / BEST).is_file()


def test_frozen_towers_stay_and_the_others_learn(run_folder: Folder, parent: Path) -> None:
    folder = run_folder("frozen")
    train(Job(folder, parent, replace(QUICK, epochs=1, freeze=("image",), hard_negatives="same-type")))
    start = from_weights(parent, [], 17).state_dict()
    end = {n.removeprefix("model."): t for n, t in weights_of(folder).items() if n.startswith("model.")}
    assert all(torch.equal(end[name], start[name]) for name in start if name.startswith("image."))
    assert not torch.equal(end["text.project.weight"], start["text.project.weight"])
    assert not torch.equal(end["audio.project.weight"], start["audio.project.weight"])


@pytest.mark.parametrize("kind", ["parent", "fresh"])
def test_an_exported_folder_gives_the_vectors_of_the_model(
    kind: str, parent: Path, data: CatalogueData, tmp_path: Path
) -> None:
    texts = [item.titles[0] for item in data.items]
    model = from_weights(parent, texts, 1) if kind == "parent" else fresh(texts[:20], 1)
    loaded = export_towers(model.eval(), tmp_path / "weights")
    embed = embedders_of(loaded)
    # Exported image towers have bfloat16 weights: an untrained one's vectors hang on their last digits.
    for mine, theirs, room in (
        (model.embed_texts(texts), embed.texts(texts), 5e-3),
        (model.embed_pictures(data.pictures[:8]), embed.images(data.pictures[:8]), 2e-2),
    ):
        np.testing.assert_allclose((mine * theirs).sum(1), 1.0, atol=room)
    assert load(folder=tmp_path / "weights").profile == loaded.profile


def test_a_parent_whose_pictures_are_recognised_as_concepts_is_adapted(
    parent: Path, data: CatalogueData, tmp_path: Path
) -> None:
    model = from_weights(parent, [], 1)
    model.image.concepts = Concepts(5)
    torch.nn.init.normal_(model.image.concepts.values, generator=torch.Generator().manual_seed(2))
    export_towers(model.eval(), tmp_path / "weights")
    again = from_weights(tmp_path / "weights", [], 1)
    loss = again.train().encode_images(scaled(torch.from_numpy(data.pictures[:4].copy()))).sum()
    loss.backward()
    assert again.image.concepts is not None
    assert again.image.concepts.values.grad is not None
    mine, theirs = (each.embed_pictures(data.pictures[:8]) for each in (model, again.eval()))
    np.testing.assert_allclose((mine * theirs).sum(1), 1.0, atol=5e-3)


def test_what_tells_hubness_is_kept_and_does_not_learn(data: CatalogueData, tmp_path: Path) -> None:
    model = from_weights(SHIPPED, [], 1).train()
    assert model.image.hubness is not None
    assert model.image.hubness.direction @ model.text.constant > 0.1
    model.encode_images(scaled(torch.from_numpy(data.pictures[:2].copy()))).sum().backward()
    assert all(part.grad is None for part in model.image.hubness.parameters())
    export_towers(model.eval(), tmp_path / "weights")
    again = from_weights(tmp_path / "weights", [], 1)
    assert again.image.hubness is not None
    torch.testing.assert_close(again.image.hubness.direction, model.image.hubness.direction)
    torch.testing.assert_close(again.text.constant, model.text.constant)


def test_words_that_the_parent_did_not_know_get_rows(parent: Path, data: CatalogueData) -> None:
    before = from_weights(parent, [], 1)
    after = from_weights(parent, ["Zyxwv gadget", "Zyxwv thing"], 1)
    added = len(after.vocabulary) - len(before.vocabulary)
    assert added > 0
    known = before.text.table.weight
    assert torch.equal(after.text.table.weight[: len(known)], known)
    np.testing.assert_allclose(
        after.eval().embed_texts([data.items[0].titles[0]]),
        before.eval().embed_texts([data.items[0].titles[0]]),
        atol=1e-5,
    )


def test_blending_goes_from_start_to_end() -> None:
    start, end = {"w": torch.zeros(3), "n": torch.tensor(1)}, {"w": torch.ones(3), "n": torch.tensor(5)}
    assert blended(start, end, 0.25)["w"].tolist() == [0.25] * 3
    assert blended(start, end, 1.0)["n"].item() == 5


class Threads(Workers):
    """Workers that are threads of this process and meet in a list."""

    __slots__ = ("barrier", "shelf")

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, shelf: list[Any]) -> None:
        super().__init__(rank, size)
        object.__setattr__(self, "barrier", barrier)
        object.__setattr__(self, "shelf", shelf)

    def exchange(self, value: Any) -> list[Any]:
        self.shelf[self.rank] = value
        self.barrier.wait()
        found = list(self.shelf)
        self.barrier.wait()
        return found

    def gather(self, vectors: torch.Tensor) -> torch.Tensor:
        parts = [part.detach() for part in self.exchange(vectors)]
        parts[self.rank] = vectors
        return torch.cat(parts)

    def total(self, value: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.exchange(value.detach())).sum()

    def from_first(self, value: Any) -> Any:
        return self.exchange(value)[0]


@pytest.mark.parametrize("loss", ["infonce", "triplet", "siamese"])
def test_the_sum_of_two_workers_gradients_is_that_of_one(
    loss: str, data: CatalogueData, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without bfloat16, whose rounding depends on how many rows are multiplied at a time.
    exact = lambda device: torch.autocast(device.type, torch.bfloat16, enabled=False)  # noqa: E731
    monkeypatch.setattr("mmpipe.learn.adapt.step.autocast", exact)
    monkeypatch.setattr("mmpipe.learn.adapt.model.autocast", exact)
    settings = replace(QUICK, batch=32, loss=loss, balance="weighting", workers=1)  # type: ignore[arg-type]
    split = split_items(data, 0.3, 17)
    start = from_weights(parent, [item.titles[0] for item in data.items], 17)
    with torch.no_grad():
        start.text.table.weight.mul_(1.1)  # away from the parent, so that staying near it has a gradient
    near = from_weights(parent, [item.titles[0] for item in data.items], 17)

    def gradients(workers: Workers) -> tuple[float, dict[str, torch.Tensor]]:
        model = frozen_copy(start).requires_grad_(True)
        recipe = AdaptRecipe(data, split.train, model, settings, workers, frozen_copy(near))
        value, named = recipe.loss(model, 0)
        value.backward()
        return named["titles"], {n: p.grad for n, p in model.named_parameters() if p.grad is not None}

    titles, whole = gradients(Workers())
    barrier, shelf = threading.Barrier(2, timeout=200), [None, None]
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(gradients, [Threads(rank, 2, barrier, shelf) for rank in range(2)]))
    assert [part[0] for part in parts] == pytest.approx([titles, titles], rel=1e-4)
    for name, gradient in whole.items():
        total = sum(part[1].get(name, torch.zeros_like(gradient)) for part in parts)
        torch.testing.assert_close(total, gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_every_other_product_is_a_negative_of_a_title(data: CatalogueData, parent: Path) -> None:
    split = split_items(data, 0.3, 17)
    model = from_weights(parent, [], 17)
    plain = AdaptRecipe(data, split.train, model, replace(QUICK, augment=False, hard_negatives="none"))
    batch = plain.prepare(0)
    assert torch.equal(batch.same, batch.twins)  # whole titles, which ask for their own product alone
    mixed = AdaptRecipe(data, split.train, model, replace(QUICK, batch=32, hard_negatives="none"))
    same = mixed.prepare(0).same
    twins = mixed.prepare(0).twins
    assert torch.equal(same & twins, twins)
    # Attribute queries, a seventh of all, share answers; the rest have every other title as a negative.
    asking = (same & ~twins).any(dim=1).float().mean()
    assert 0 < asking < 0.5


def test_scaled_pictures_are_what_the_encoder_makes_of_them() -> None:
    pictures = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 80, 64, 3)
    assert scaled(pictures)[:, 0, 0, 0].tolist() == [-1.0, 1.0]
    assert autocast(torch.device("cpu")).fast_dtype == torch.bfloat16
    assert isinstance(fresh(["red dress"] * 2, 1), AdaptModel)
