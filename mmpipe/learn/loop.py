"""The training loop: one-cycle AdamW, EMA, held-out metric, checkpoints and resume."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Metrics = Mapping[str, float]


def say(line: str) -> None:
    """One line to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long and how fast. ``patience`` counts measurements without improvement before stopping."""

    steps: int
    learning_rate: float = 2e-3
    warmup: float = 0.08
    weight_decay: float = 0.05
    ema: float = 0.997
    measure_every: int = 100
    patience: int = 8
    log_every: int = 10


def one_cycle(step: int, settings: LoopSettings) -> float:
    """The learning rate of a step: linear warm-up, then a half cosine to zero."""
    warm = max(1, round(settings.steps * settings.warmup))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, settings.steps - warm)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


class Trainer:
    """Runs ``loss_of(model, step)`` for ``settings.steps`` steps.

    ``measure(ema_model)`` gives held-out metrics; ``watch`` names the one that early stopping and the best
    checkpoint follow (higher is better). Checkpoints are safetensors plus one JSON file; a run restarted
    with the same folder continues from the last one, step for step as if it had never stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        ema: nn.Module,
        loss_of: Callable[[nn.Module, int], tuple[Tensor, Metrics]],
        measure: Callable[[nn.Module], Metrics],
        watch: str,
        settings: LoopSettings,
        folder: Path,
        say: Callable[[str], None] = say,
        after_backward: Callable[[nn.Module], None] | None = None,
        pace: Callable[[str], float] = lambda _: 1.0,
    ) -> None:
        """``after_backward(model)`` is called between the gradients and their use, as to sum over workers.

        ``pace(name)`` multiplies the learning rate of a parameter.
        """
        self._after_backward = after_backward
        self.model, self.ema = model, ema
        self.settings, self.folder = settings, folder
        self._loss_of, self._measure, self._watch, self._say = loss_of, measure, watch, say
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            decay = settings.weight_decay if parameter.dim() > 1 and "table" not in name else 0.0
            groups.setdefault((decay, pace(name)), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": found, "weight_decay": decay, "pace": share}
             for (decay, share), found in groups.items()],
            lr=settings.learning_rate, betas=(0.9, 0.98), fused=True,
        )  # fmt: skip
        self.step = 0
        self.best = -math.inf
        self.stale = 0
        self.history: list[dict[str, float]] = []
        self.ema.load_state_dict(model.state_dict())

    def run(self) -> list[dict[str, float]]:
        """Train to the end (or until patience is spent) and return the history, one entry a log line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "state.json").is_file():
            self.restore()
        sums: dict[str, float] = {}
        started, count = time.monotonic(), 0
        while self.step < self.settings.steps and self.stale <= self.settings.patience:
            metrics = self._one_step()
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            if self.step % self.settings.log_every == 0 or self.step == self.settings.steps:
                entry = {name: total / count for name, total in sums.items()}
                entry |= {"step": self.step, "seconds_per_step": (time.monotonic() - started) / count}
                self.history.append(entry)
                self._say(" ".join(f"{k}={v:.4g}" for k, v in entry.items()))
                started, sums, count = time.monotonic(), {}, 0
            if self.step % self.settings.measure_every == 0 or self.step == self.settings.steps:
                self._judge()
                started = time.monotonic()
        return self.history

    def _one_step(self) -> dict[str, float]:
        self.model.train()
        rate = one_cycle(self.step, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["pace"]
        loss, metrics = self._loss_of(self.model, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._after_backward is not None:
            self._after_backward(self.model)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return {"loss": float(loss.detach()), **metrics}

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        mine, theirs = self.ema.state_dict(), self.model.state_dict()
        floats = [name for name in mine if mine[name].is_floating_point()]
        torch._foreach_lerp_([mine[n] for n in floats], [theirs[n] for n in floats], 1 - decay)

    def _judge(self) -> None:
        self.ema.eval()
        metrics = dict(self._measure(self.ema))
        self.history.append({"step": self.step, **metrics})
        self._say(f"held out at step {self.step}: " + " ".join(f"{k}={v:.4f}" for k, v in metrics.items()))
        if metrics[self._watch] > self.best:
            self.best, self.stale = metrics[self._watch], 0
            save_file(_owned(self.ema.state_dict()), self.folder / "best.safetensors")
        else:
            self.stale += 1
        self.save()

    def save(self) -> None:
        """Write the checkpoint; the JSON file goes last, by rename, so a torn write is never read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"model.{n}": t for n, t in _owned(self.model.state_dict()).items()}
        tensors |= {f"ema.{n}": t for n, t in _owned(self.ema.state_dict()).items()}
        names = [n for n, p in self.model.named_parameters()]
        for name, parameter in zip(names, self.model.parameters(), strict=True):
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{key}.{name}"] = value.detach().clone(
                    memory_format=torch.contiguous_format
                )
        file = f"step-{self.step}.safetensors"
        save_file(tensors, self.folder / file)
        state = {"step": self.step, "best": self.best, "stale": self.stale, "file": file,
                 "history": self.history, "settings": asdict(self.settings)}  # fmt: skip
        draft = self.folder / "state.json.draft"
        draft.write_text(json.dumps(state), encoding="utf-8")
        draft.replace(self.folder / "state.json")
        for old in self.folder.glob("step-*.safetensors"):
            if old.name != file:
                old.unlink()

    def restore(self) -> None:
        """Continue from the folder's last checkpoint."""
        state: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(self.folder / state["file"])
        self.model.load_state_dict(_part(tensors, "model."))
        self.ema.load_state_dict(_part(tensors, "ema."))
        for name, parameter in self.model.named_parameters():
            keys = ("step", "exp_avg", "exp_avg_sq")
            if f"optimizer.step.{name}" in tensors:
                saved = {k: tensors[f"optimizer.{k}.{name}"] for k in keys}
                self.optimizer.state[parameter] = {k: _laid_out(v, parameter) for k, v in saved.items()}
        self.step, self.best, self.stale = state["step"], state["best"], state["stale"]
        self.history = state["history"]
        self._say(f"resumed at step {self.step}")


def _owned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()
    }


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """The value on the parameter's device and in its memory order.

    Fused AdamW pairs moments with weights as they lie in memory; those of a channels-last convolution lie
    otherwise than a file holds them.
    """
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
