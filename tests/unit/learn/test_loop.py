"""The loop: a resumed run is the uninterrupted run, early stopping stops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from mmpipe.learn.curves import plot_history  # noqa: E402
from mmpipe.learn.loop import LoopSettings, Trainer, one_cycle  # noqa: E402


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
