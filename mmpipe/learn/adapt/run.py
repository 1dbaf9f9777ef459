"""From a feed and a parent profile to a new profile: read, train, compare, export, register."""

from __future__ import annotations

import json
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmpipe.encoders import registry
from mmpipe.encoders.fusion_file import FUSION_FILE
from mmpipe.encoders.starter.loader import WEIGHTS, load
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.learn.adapt.cluster import threads_of, train_on_workers
from mmpipe.learn.adapt.export import (
    choose_fusion,
    embedders_of,
    export_towers,
    finish_folder,
    fusion_form,
    fusion_table,
)
from mmpipe.learn.adapt.measure import difference, general_figures, held_out, is_better, score
from mmpipe.learn.adapt.model import AdaptModel, blended
from mmpipe.learn.adapt.settings import LEAST_PAIRS, SCRATCH, AdaptSettings
from mmpipe.learn.adapt.train import (
    BEST,
    DATA,
    NEIGHBOURS,
    Job,
    embedders,
    history_of,
    load_best,
    on_cpu,
    start_model,
    train,
)
from mmpipe.learn.catalogue_data import CatalogueData, ReadReport, Split, read_catalogue, split_items
from mmpipe.learn.curves import plot_history
from mmpipe.learn.fusion import measure as measure_fusion

if TYPE_CHECKING:
    from mmpipe.lake.models import ModelRegistry, RegisteredModel
    from mmpipe.learn.adapt.measure import HeldOut
    from mmpipe.learn.measures import Embedders
    from mmpipe.settings import Settings

RUN, WEIGHTS_FOLDER = "run.json", "weights"
BLENDS = (0.25, 0.5, 0.75, 1.0)
_TRAINED = (BEST, NEIGHBOURS, "state.json", "history.json", "curves.png")


@dataclass(frozen=True, slots=True)
class Teller:
    """Who is told how far it is: rows and usable pairs read; step, steps and losses; what happens now."""

    reading: Callable[[int, int], None] = lambda rows, pairs: None
    training: Callable[[int, int, Mapping[str, float]], None] = lambda step, steps, figures: None
    phase: Callable[[str], None] = lambda name: None


@dataclass(frozen=True, slots=True)
class Parent:
    """The start of a run: ``folder`` is None for fresh towers; ``identity`` is ``name@fingerprint``."""

    name: str
    folder: Path | None
    identity: str | None


@dataclass(slots=True)
class Outcome:
    """What came of a run. ``before`` and ``after`` are figures of the products held out to judge by;
    ``change`` is that of their MRR with its 90 % interval; ``general`` what else was measured before and
    after; ``fused`` the same products' MRR through the fusion. ``share`` is how far the result went from the
    parent towards what was learned; ``lake`` the one to name in the next commands."""

    name: str
    parent: str
    folder: str
    data: ReadReport
    data_fingerprint: str
    held_out: int
    steps: int
    seconds: float
    share: float
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    change: tuple[float, float, float] = (0.0, 0.0, 0.0)
    better: bool = False
    general: dict[str, dict[str, float]] = field(default_factory=dict)
    fused: dict[str, dict[str, float]] = field(default_factory=dict)
    fusion: str = "carried"
    registered: RegisteredModel | None = None
    lake: str | None = None

    @property
    def commands(self) -> list[str]:
        """What to do next with a registered profile."""
        if self.registered is None:
            return []
        where = "" if self.lake is None else f" --lake {shlex.quote(self.lake)}"
        table = f"products_{self.name}_{self.registered.profile_fingerprint[:8]}"
        return [
            f"mmpipe live reindex --profile {self.name}{where}",
            f"mmpipe live compare {table}{where}",
            f"mmpipe live switch {table}{where}",
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = {n: getattr(self, n) for n in self.__slots__ if n not in ("data", "registered", "lake")}
        revision = None if self.registered is None else self.registered.revision
        return {**found, "data": asdict(self.data), "registered": revision, "next": self.commands}


def find_parent(name: str, models: ModelRegistry) -> Parent:
    """``starter``, ``scratch``, or a profile registered in the lake. Raises :class:`InvalidRequest`."""
    if name == SCRATCH:
        return Parent(name, None, None)
    if name == "starter":
        return Parent(name, WEIGHTS, f"starter@{load().profile.fingerprint}")
    if registry.is_known(name):
        raise InvalidRequest(
            "from", f"{name!r} is none of the towers that are trained here: take starter, a profile trained"
            " from it, or scratch"
        )  # fmt: skip
    try:
        model = models.get(name)
    except ModelUnavailable as error:
        raise InvalidRequest("from", f"{error}; or take starter, or scratch") from error
    return Parent(name, models.fetch(model), f"{name}@{model.profile_fingerprint}")


def adapt(
    settings: Settings,
    options: AdaptSettings,
    *,
    feed: str,
    parent: Parent,
    name: str,
    out: Path,
    models: ModelRegistry,
    restart: bool = False,
    register_anyway: bool = False,
    teller: Teller | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train on a feed and register the result as profile ``name`` if it is better than its parent.

    ``out`` keeps data, checkpoints and the exported weights; the same call goes on with an interrupted run
    there. Raises :class:`InvalidRequest` for a feed with too few pairs and for a folder with another run;
    :class:`~mmpipe.learn.adapt.train.Stopped` when ``stop`` is set or workers are interrupted.
    """
    teller = teller or Teller()
    began = time.monotonic()
    teller.phase("reading the catalogue")
    data = read_catalogue(feed, out / DATA, settings, teller.reading)
    _check_pairs(data)
    job = Job(out, parent.folder, options)
    split = split_items(data, options.held_out, options.seed)
    if options.batch > len(split.train):
        raise InvalidRequest(
            "batch", f"{options.batch} is more than the {len(split.train)} products to train on: take fewer"
        )
    _claim(out, parent, options, data, restart=restart)
    teller.phase("training")
    import torch

    torch.set_num_threads(threads_of(options.threads, 1))
    if options.workers > 1:
        train_on_workers(job, teller.training)
    else:
        train(job, report=teller.training, stop=stop)
    teller.phase("comparing with the parent")
    history = history_of(out)
    plot_history([{k: v for k, v in entry.items() if k != "score"} for entry in history], out)
    outcome = Outcome(
        name=name, parent=parent.name, folder=str(out / WEIGHTS_FOLDER), data=data.report,
        data_fingerprint=data.fingerprint, held_out=len(split.judge), seconds=0.0, share=1.0,
        steps=max((int(entry["step"]) for entry in history), default=0),
    )  # fmt: skip
    _finish(outcome, job, data, split, teller)
    if outcome.better or register_anyway:
        teller.phase("registering")
        outcome.registered = models.register(
            name, out / WEIGHTS_FOLDER, metrics=_metrics(outcome), data_fingerprint=data.fingerprint,
            parent=parent.identity,
        )  # fmt: skip
    outcome.seconds = round(time.monotonic() - began, 1)
    (out / "outcome.json").write_text(json.dumps(outcome.to_json(), indent=1), encoding="utf-8")
    return outcome


def _check_pairs(data: CatalogueData) -> None:
    report = data.report
    if report.pairs >= LEAST_PAIRS:
        return
    why = f"; {report.rejected_rows} rows and {report.rejected_media} media were rejected"
    first = f"; first: {report.examples[0]}" if report.examples else ""
    raise InvalidRequest(
        "catalogue",
        f"holds {report.pairs} products with a title and a picture (image_link or video_link) in"
        f" {report.rows} rows, training needs {LEAST_PAIRS}: name a feed with more of them"
        f"{why if report.rejected_rows or report.rejected_media else ''}{first}",
    )


def _claim(out: Path, parent: Parent, options: AdaptSettings, data: CatalogueData, *, restart: bool) -> None:
    """See that what stands in the folder is this run; forget it for ``restart``."""
    kept = {n: v for n, v in asdict(options).items() if n not in ("device", "workers", "threads")}
    mine = {"parent": parent.identity or parent.name, "catalogue": data.fingerprint, **kept}
    mine = json.loads(json.dumps(mine))
    path = out / RUN
    if restart:
        for name in (RUN, *_TRAINED):
            (out / name).unlink(missing_ok=True)
        for checkpoint in out.glob("step-*.safetensors"):
            checkpoint.unlink()
        shutil.rmtree(out / WEIGHTS_FOLDER, ignore_errors=True)
    if path.is_file():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(n for n in {*mine, *theirs} if mine.get(n) != theirs.get(n))
        if differing:
            raise InvalidRequest(
                "out",
                f"{out} holds a run with other {', '.join(differing)}: name another --out, or begin anew with"
                " --restart",
            )
    path.write_text(json.dumps(mine, indent=1), encoding="utf-8")


def _finish(outcome: Outcome, job: Job, data: CatalogueData, split: Split, teller: Teller) -> None:
    """Compare, export and choose the fusion."""
    options = on_cpu(job.settings)
    judged = held_out(data, split.judge, np.concatenate([split.train, split.watch]), options.seed)
    best = load_best(job, data, split)
    outcome.share = _blend(best, job, data, split) if job.parent is not None else 1.0
    folder = job.folder / WEIGHTS_FOLDER
    loaded = export_towers(best, folder)
    after_embed = embedders_of(loaded)
    before_embed = (
        embedders_of(load(folder=job.parent))
        if job.parent is not None
        else embedders(start_model(job, data, split).eval())
    )
    before, after = judged.find(before_embed), judged.find(after_embed)
    outcome.before, outcome.after = _rounded(before.figures), _rounded(after.figures)
    low_mid_high = difference(before, after, options.seed)
    outcome.change = (round(low_mid_high[0], 4), round(low_mid_high[1], 4), round(low_mid_high[2], 4))
    outcome.better = is_better(before, after)
    general = general_figures()
    outcome.general = {"before": _rounded(general(before_embed)), "after": _rounded(general(after_embed))}
    teller.phase("training the fusion")
    parent_fusion = job.parent / FUSION_FILE if job.parent is not None else None
    seed = options.seed
    learn, held = (fusion_table(data, rows, after_embed, seed) for rows in (split.train, split.watch))
    outcome.fusion = choose_fusion(learn, held, parent_fusion, folder, seed)
    mine = folder / FUSION_FILE
    outcome.fused = {
        when: _fused(fusion, data, split, embed, seed)
        for when, fusion, embed in (("before", parent_fusion, before_embed), ("after", mine, after_embed))
    }
    finish_folder(folder, _metrics(outcome))


def _blend(best: AdaptModel, job: Job, data: CatalogueData, split: Split) -> float:
    """Go from the parent as far towards what was learned as the products held out to stop by say."""
    watched = held_out(data, split.watch, np.concatenate([split.train, split.judge]), job.settings.seed)
    between = start_model(job, data, split)
    start = {name: tensor.clone() for name, tensor in between.state_dict().items()}
    scores = {share: _score(blended(start, best.state_dict(), share), between, watched) for share in BLENDS}
    share = max(BLENDS, key=lambda each: scores[each])
    best.load_state_dict(blended(start, best.state_dict(), share))
    return share


def _score(state: Mapping[str, Any], model: AdaptModel, watched: HeldOut) -> float:
    model.load_state_dict(state)
    return score(watched.find(embedders(model.eval())))


def _fused(
    fusion: Path | None, data: CatalogueData, split: Split, embed: Embedders, seed: int
) -> dict[str, float]:
    figures = measure_fusion(fusion_form(fusion), fusion_table(data, split.judge, embed, seed))
    return _rounded({name: figures[name] for name in ("text", "image", "mixed")})


def _metrics(outcome: Outcome) -> dict[str, float]:
    figures = {f"held_out/{name}": value for name, value in outcome.after.items()}
    figures |= {f"held_out/parent_{name}": value for name, value in outcome.before.items()}
    for group, found in (("general", outcome.general), ("fused", outcome.fused)):
        figures |= {f"{group}/{name}": value for name, value in found.get("after", {}).items()}
    return figures


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
