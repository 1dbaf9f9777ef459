"""``mmpipe train encoders`` on a small lake: stopped, continued, registered, searched; and on Ray workers."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from mmpipe.cli import app  # noqa: E402
from mmpipe.encoders.starter.loader import WEIGHTS, load  # noqa: E402
from mmpipe.errors import InvalidRequest  # noqa: E402
from mmpipe.lake.model_loading import load_profile  # noqa: E402
from mmpipe.learn.adapt.cluster import train_on_workers  # noqa: E402
from mmpipe.learn.adapt.settings import AdaptSettings  # noqa: E402
from mmpipe.learn.adapt.step import AdaptRecipe  # noqa: E402
from mmpipe.learn.adapt.train import BEST, DATA, Job, history_of, start_model, train  # noqa: E402
from mmpipe.learn.catalogue_data import load_catalogue, read_catalogue, split_items  # noqa: E402
from mmpipe.settings import LakeSettings, ModelSettings, Settings  # noqa: E402
from tests.unit.learn.adapt.shops import write_shop  # noqa: E402

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine; starting Ray takes minutes on a busy one

PRODUCTS = 64
TINY = AdaptSettings(epochs=2, batch=16, held_out=0.3, device="cpu", threads=1)
OPTIONS = ("--epochs", "2", "--batch", "16", "--held-out", "0.3", "--device", "cpu", "--threads", "1")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop") / "shop", PRODUCTS)


@pytest.fixture(scope="module")
def data(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    read_catalogue(str(feed), folder, Settings())
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("train", "encoders", …)`` in a lake of its own; errors are raised as the command raises them."""
    variables = {
        "MMPIPE_MODELS__CACHE_DIR": str(tmp_path / "cache"),
        "MMPIPE_SPEECH__RECOGNIZER": "none",
        "COLUMNS": "250",
    }
    runner = CliRunner(env=variables)
    lake = ("--lake", str(tmp_path / "lake"))
    return lambda *words: runner.invoke(app, [*(str(w) for w in words), *lake], catch_exceptions=False)


def job(folder: Path, data: Path, settings: AdaptSettings) -> Job:
    shutil.copytree(data, folder / DATA)
    return Job(folder, WEIGHTS, settings)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    (checkpoint,) = folder.glob("step-*.safetensors")
    return load_file(checkpoint)


def test_from_a_feed_to_a_profile_that_answers(
    run: Run, feed: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    # How long the fusion learns: a little.
    monkeypatch.setattr("mmpipe.learn.adapt.export._FUSION_STEPS", 3)
    command = ("train", "encoders", "--catalogue", feed, "--name", "my-shop", "--out", out, *OPTIONS,
               "--register-anyway", "--json")  # fmt: skip
    with monkeypatch.context() as patch:
        loss = AdaptRecipe.loss

        def interrupted(self: AdaptRecipe, module: torch.nn.Module, step: int) -> Any:
            if step == 3:
                signal.raise_signal(signal.SIGINT)  # Ctrl-C
            return loss(self, module, step)

        patch.setattr(AdaptRecipe, "loss", interrupted)
        stopped = run(*command)
    assert stopped.exit_code == 130
    assert "at step 4: the same command goes on from there" in stopped.output
    with pytest.raises(InvalidRequest, match=r"other seed: name another --out, or begin anew with --restart"):
        run(*command, "--seed", "5")

    finished = run(*command)
    assert finished.exit_code == 0, finished.output
    found = json.loads(finished.stdout)
    assert found["data"]["pairs"] == PRODUCTS
    assert found["before"].keys() == found["after"].keys() == {"recall@10", "mrr"}
    assert (out / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    whole = tmp_path / "whole"
    train(job(whole, data, TINY))
    for name, tensor in weights_of(whole).items():
        assert torch.equal(weights_of(out)[name], tensor), name

    # Registered with what it came from, and loaded from the lake as the folder that was exported.
    models = json.loads(run("models", "list", "--json").stdout)["registered"]
    assert [(m["name"], m["revision"]) for m in models] == [("my-shop", found["registered"])]
    assert models[0]["parent"] == f"starter@{load().profile.fingerprint}"
    assert models[0]["data_fingerprint"] == found["data_fingerprint"]
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), models=ModelSettings(cache_dir=str(tmp_path / "cache"))
    )
    text = load_profile("my-shop", settings).encoders["text"]
    exported = load(folder=out / "weights")
    asked = ["red mug", "红色马克杯"]
    np.testing.assert_array_equal(text.embed_documents(asked), exported.text.embed_documents(asked))

    # The shop moves to it, and its titles find their products.
    assert run("index", feed, "--collection", "shop").exit_code == 0
    table = json.loads(run("live", "reindex", "--profile", "my-shop", "--json").stdout)["table"]
    assert any(command.startswith(f"mmpipe live switch {table} ") for command in found["next"])
    compared = json.loads(run("live", "compare", table, "--json").stdout)
    assert compared["candidate_products"] == PRODUCTS
    assert run("live", "switch", table).exit_code == 0
    product = json.loads(feed.read_text(encoding="utf-8").splitlines()[7])
    hits = json.loads(run("search", product["title"], "--json").stdout)
    assert hits["hits"][0]["title"] == product["title"]


def rows(count: int, **fields: Any) -> str:
    return "\n".join(json.dumps({"id": f"p{n}", "title": f"Blue cup {n}", **fields}) for n in range(count))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--catalogue", "nowhere.jsonl"), r"catalogue: there is no file nowhere\.jsonl: name a feed file"),
        (("--catalogue", "s3:/typo"), r"catalogue: there is no file s3:/typo"),
        (("--from", "sombody"), r"from: no model 'sombody' is registered .*; or take starter, or scratch"),
        (("--from", "siglip2"), r"from: 'siglip2' is none of the towers that are trained here: take starter"),
        (("--device", "tpu"), r"device: 'tpu' is none of auto, cpu, cuda"),
        (("--loss", "hinge"), r"loss: 'hinge' is none of infonce, triplet, siamese"),
        (("--freeze", "text,image"), r"freeze: leaves nothing to train"),
        (("--name", "starter"), r"name: 'starter' is taken by mmpipe itself: choose another"),
        (("--name", "My Shop"), r"name: 'My Shop': use at most 40 lower-case letters"),
        (("--batch", "40"), r"batch: 40 does not divide into 1 × 16 rows: take 32"),
        (("--workers", "0"), r"workers: 0 must be at least 1"),
        (("--learning-rate", "7"), r"learning-rate: 7 must be above 0"),
        (("--margin", "-1"), r"margin: -1 must be above 0 and at most 2"),
    ],
)
def test_what_cannot_be_asked(
    run: Run, feed: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    given = options if "--catalogue" in options else ("--catalogue", str(feed), *options)
    with pytest.raises(InvalidRequest, match=message):
        run("train", "encoders", "--out", tmp_path / "out", *given)
    assert not (tmp_path / "out").exists()


def test_a_feed_that_cannot_be_trained_on(run: Run, feed: Path, tmp_path: Path) -> None:
    def refused(text: str, *options: str) -> str:
        (tmp_path / "feed.jsonl").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidRequest) as error:
            run(
                "train",
                "encoders",
                "--catalogue",
                tmp_path / "feed.jsonl",
                "--out",
                tmp_path / "out",
                *options,
            )
        return str(error.value)

    none = refused(rows(60))
    assert none.startswith(
        "catalogue: holds 0 products with a title and a picture (image_link or video_link)"
    )
    assert "in 60 rows, training needs 50" in none
    broken = refused(rows(60, image_link="missing.jpg"))
    assert "60 media were rejected; first: row 1: image_link" in broken
    media = str(feed.parent / "media")
    shutil.copytree(media, tmp_path / "media")
    few = refused("\n".join(feed.read_text(encoding="utf-8").splitlines()[:12]))
    assert "holds 12 products" in few
    large = refused(feed.read_text(encoding="utf-8"), "--batch", "128")
    assert large.startswith("batch: 128 is more than the ")


def test_two_ray_workers_are_one_worker_with_the_whole_batch(data: Path, tmp_path: Path) -> None:
    settings = AdaptSettings(epochs=2, batch=32, held_out=0.3, device="cpu", threads=1)
    one, two = job(tmp_path / "one", data, settings), job(tmp_path / "two", data, settings)
    train(one)
    seen: list[int] = []
    shared = Job(two.folder, WEIGHTS, replace(settings, workers=2))
    train_on_workers(shared, lambda step, steps, figures: seen.append(step))
    assert seen
    losses = [[e["titles"] for e in history_of(j.folder) if "loss" in e] for j in (one, two)]
    # Either loss is of all 32 products; bfloat16 rounds by how many are multiplied at once.
    assert losses[1] == pytest.approx(losses[0], rel=0.03)
    assert (two.folder / BEST).is_file()
    items = load_catalogue(data)
    start = start_model(one, items, split_items(items, settings.held_out, settings.seed)).state_dict()
    moved = [
        torch.cat([(weights[f"model.{name}"] - tensor).flatten() for name, tensor in start.items()])
        for weights in (weights_of(one.folder), weights_of(two.folder))
    ]
    assert torch.nn.functional.cosine_similarity(*moved, dim=0) > 0.9
