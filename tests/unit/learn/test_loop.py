"""The loop: two steps train, a resumed run is the uninterrupted run, early stopping stops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from mmpipe.encoders.starter.glossary import load_glossary  # noqa: E402
from mmpipe.learn.batches import Shares  # noqa: E402
from mmpipe.learn.curves import plot_history  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
from mmpipe.learn.loop import LoopSettings, Trainer, one_cycle  # noqa: E402
from mmpipe.learn.model import StarterModel  # noqa: E402
from mmpipe.learn.recipe import Recipe, Sources, Weights, embedders_of  # noqa: E402
from mmpipe.learn.vocabulary import build_vocabulary  # noqa: E402

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


def test_a_run_resumed_twice_keeps_the_moments_of_channels_last_weights(tmp_path: Path) -> None:
    data = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    def loss_of(module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        value: Tensor = (module(data) - 1).square().mean()
        return value, {"at": float(step)}

    def made(folder: str) -> Trainer:
        torch.manual_seed(2)
        model, ema = (nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last) for _ in range(2))  # type: ignore[call-overload]
        settings = LoopSettings(steps=6, measure_every=2)
        return Trainer(
            model, ema, loss_of, lambda _: {"s": 1.0}, "s", settings, tmp_path / folder, lambda _: None
        )

    whole = made("whole")
    whole.run()
    for _ in range(2):
        part = made("parts")
        if part.folder.is_dir():
            part.restore()
        for _ in range(2):
            part._one_step()
        part.save()
    rest = made("parts")
    rest.run()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(rest.model.state_dict()[name], value), name


class _Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([5.0]))


def _loss(module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(module, _Line)
    return (module.weight**2).sum(), {"at": float(step)}


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3, 0.2])
    settings = LoopSettings(steps=100, measure_every=1, patience=2, log_every=50)
    run = Trainer(_Line(), _Line(), _loss, lambda _: {"score": next(scores)}, "score", settings, tmp_path,
                  lambda _: None)  # fmt: skip
    run.run()
    assert run.step == 5
    assert run.best == 0.9
    assert json.loads((tmp_path / "state.json").read_text())["best"] == 0.9


def test_one_cycle_warms_up_and_anneals_to_zero() -> None:
    settings = LoopSettings(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [one_cycle(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001


def test_curves_are_drawn(tmp_path: Path) -> None:
    plot_history([{"step": 1, "loss": 2.0}, {"step": 1, "score": 0.5}, {"step": 2, "loss": 1.0}], tmp_path)
    assert (tmp_path / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(json.loads((tmp_path / "history.json").read_text())) == 3
