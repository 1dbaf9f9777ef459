"""The recipe: two steps train, and a resumed run is the uninterrupted run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mmpipe.encoders.starter.glossary import load_glossary  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
from mmpipe.learn.loop import LoopSettings, Trainer  # noqa: E402
from training.batches import Shares  # noqa: E402
from training.model import StarterModel  # noqa: E402
from training.recipe import Recipe, Sources, Weights, embedders_of  # noqa: E402
from training.vocabulary import build_vocabulary  # noqa: E402

TERMS = load_glossary().by_concept
TYPES = ("dresses", "jeans", "watches")
COLOURS = ("red", "blue", "black", "white")


def make_source(name: str, count: int, photos: bool = False) -> Source:
    rng = np.random.default_rng(len(name))
    items = []
    for number in range(count):
        kind, colour = TYPES[number % 3], COLOURS[number % 4]
        terms = {"type": TERMS[f"type/{kind}"], "colour": TERMS[f"colour/{colour}"]}
        items.append(
            Item(f"{name}{number}", f"{name}{number % 12}", f"Brand{number} {colour} {kind}", None, terms)
        )
    pixels = rng.integers(0, 255, (count, 80, 64, 3), dtype=np.uint8)
    return Source(name, items, pixels, np.arange(count) >= 12 if photos else np.zeros(count, dtype=np.bool_))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    sources = Sources(
        make_source("fashion", 40), make_source("grocery", 24, photos=True), make_source("sample", 12),
        [("金属亚光钢笔", "文具"), ("Steel ruler", "office")],
    )  # fmt: skip
    return Recipe(sources, Shares(10, 6, 4), Weights(), seed=5, small_steps=1)


def trainer(recipe: Recipe, folder: Path, steps: int) -> Trainer:
    torch.manual_seed(0)
    items = [item for source in recipe.sources.all for item in source.items]
    vocabulary = build_vocabulary(items, [], 800, seed=5)
    model, ema = (StarterModel(vocabulary, recipe.classes) for _ in range(2))
    settings = LoopSettings(steps=steps, measure_every=1, log_every=1)
    return Trainer(
        model, ema, recipe.loss, lambda _: {"score": 1.0}, "score", settings, folder, lambda _: None
    )


def test_two_steps_train_and_a_resumed_run_is_the_same(recipe: Recipe, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one order of summation, so that runs can be compared to the bit
    try:
        whole = trainer(recipe, tmp_path / "whole", 2)
        before = {n: p.detach().clone() for n, p in whole.model.named_parameters()}
        history = whole.run()
        assert all(np.isfinite(entry["loss"]) for entry in history if "loss" in entry)
        moved = [n for n, p in whole.model.named_parameters() if not torch.equal(p, before[n])]
        assert any(n.startswith("text.") for n in moved)
        assert any(n.startswith("image.") for n in moved)

        # The settings decide the learning rate, so the first half is a run of two steps stopped after one.
        half = trainer(recipe, tmp_path / "half", 2)
        half._one_step()
        half.save()
        rest = trainer(recipe, tmp_path / "half", 2)
        rest.run()
        assert rest.step == 2
        for name, value in whole.model.state_dict().items():
            torch.testing.assert_close(rest.model.state_dict()[name], value, rtol=0, atol=1e-6, msg=name)
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "whole" / "best.safetensors").is_file()
    assert len(list((tmp_path / "whole").glob("step-*.safetensors"))) == 1
    assert not list((tmp_path / "whole").glob("*.pt"))


def test_the_model_embeds_what_it_was_trained_on(recipe: Recipe, tmp_path: Path) -> None:
    made = trainer(recipe, tmp_path, 1)
    assert isinstance(made.model, StarterModel)
    embed = embedders_of(made.model.eval())
    for vectors in (embed.texts(["red dress", "红色连衣裙"]), embed.images(recipe.sources.sample.pixels[:3])):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-2)
