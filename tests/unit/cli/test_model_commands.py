"""``mmpipe models`` and ``mmpipe live reindex | compare | switch`` on a small lake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import save_file

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import InvalidRequest, ModelUnavailable, PublishRejected
from mmpipe.lake.models import ModelRegistry
from mmpipe.settings import ModelSettings, StorageSettings

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def mine(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of the other tests, to change."""
    copy = tmp_path_factory.mktemp("mine") / "lake"
    shutil.copytree(lake, copy)
    return copy


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    def load(_threads: int | None) -> LoadedEncoders:
        fake = registry.load("fake")
        infos = {m: replace(info, revision="2") for m, info in fake.profile.encoders.items()}
        return LoadedEncoders(replace(fake.profile, name="other", encoders=infos), fake.encoders)

    with monkeypatch.context() as patch:
        patch.setitem(registry._PROFILES, "other", load)
        yield "other"


def test_the_models_of_a_lake_are_listed_and_shown(run: Run, tmp_path: Path) -> None:
    models = ModelRegistry(
        str(tmp_path / "lake"),
        StorageSettings(),
        ModelSettings(cache_dir=str(tmp_path / "cache")),
        fingerprint_of=lambda _name, _folder: "0123456789abcdef",
    )
    assert json.loads(run("models", "list", "--lake", tmp_path / "lake", "--json").stdout)["registered"] == []
    folder = tmp_path / "trained"
    folder.mkdir()
    save_file({"weight": np.zeros((2, 2), np.float32)}, folder / "text.safetensors")
    model = models.register(
        "my-shop",
        folder,
        metrics={f"recall@{k}": k / 100 for k in (1, 5, 10, 20, 50)},
        data_fingerprint="feed-1",
        parent="starter@fedcba9876543210",
    )
    listed = run("models", "list", "--lake", tmp_path / "lake").stdout
    for part in (
        "my-shop",
        model.revision,
        "starter@fedcba9876543210",
        "recall@1 0.01",
        "5 in all",
        "siglip2",
    ):
        assert part in listed
    found = json.loads(run("models", "list", "--lake", tmp_path / "lake", "--json").stdout)
    assert [entry["revision"] for entry in found["registered"]] == [model.revision]
    assert {entry["profile"] for entry in found["published"]} >= {"siglip2", "whisper"}
    shown = run("models", "show", "my-shop", "--lake", tmp_path / "lake").stdout
    for part in (model.files["text.safetensors"], "feed-1", "recall@50"):
        assert part in shown
    record = json.loads(run("models", "show", "my-shop", "--lake", tmp_path / "lake", "--json").stdout)
    assert record == model.model_dump(mode="json")
    with pytest.raises(ModelUnavailable, match="holds my-shop"):
        run("models", "show", "your-shop", "--lake", tmp_path / "lake")
    (tmp_path / "lake" / "models" / "files" / model.files["text.safetensors"]).write_bytes(b"tampered")
    with pytest.raises(ModelUnavailable, match=r"text\.safetensors holds 8 bytes"):
        run("models", "show", "my-shop", "--verify", "--lake", tmp_path / "lake")


def test_models_that_were_brought_are_listed_as_they_are_pulled(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPIPE_MODELS__DIR", str(tmp_path / "models"))
    for profile, name in (("rerank:shop/judge", "tokenizer.json"), ("text:shop/words", "modules.json")):
        source = tmp_path / name
        source.mkdir()
        for file in ("config.json", name):
            (source / file).write_text("{}")
        save_file({"weight": np.zeros((2, 2), np.float32)}, source / "model.safetensors")
        assert run("models", "pull", profile, "--from", source).exit_code == 0
    found = json.loads(run("models", "list", "--lake", tmp_path / "lake", "--json").stdout)["published"]
    states = {entry["profile"]: entry["state"] for entry in found}
    assert (states["rerank:shop/judge"], states["text:shop/words"]) == ("ready", "ready")
    assert {entry["repo"] for entry in found if entry["profile"].startswith("text:")} == {"shop/words"}


def test_reindex_compare_switch_and_back(run: Run, mine: Path, other: str, tmp_path: Path) -> None:
    filled = json.loads(run("live", "reindex", "--profile", other, "--lake", mine, "--json").stdout)
    assert (filled["rows"], filled["profile"]) == (4, "other")
    again = run("live", "reindex", "--profile", other, "--lake", mine)
    assert "0 products and 0 deletions written" in again.stdout
    assert f"mmpipe live switch {filled['table']}" in again.output

    titles = run("live", "compare", filled["table"], "--lake", mine)
    assert "4 product titles as queries, for no judged ones were given" in titles.stdout
    queries = tmp_path / "queries.jsonl"
    queries.write_text(
        json.dumps({"query": "red summer dress", "relevant": ["d1"]})
        + "\n"
        + json.dumps({"query": "hat", "relevant": ["nothing"]})
    )
    shown = run("live", "compare", filled["table"], "--queries", queries, "--lake", mine).stdout
    assert "1 judged queries; 1 more name no live product" in shown
    assert "recall@10" in shown
    found = json.loads(
        run("live", "compare", filled["table"], "--queries", queries, "--lake", mine, "--json").stdout
    )
    assert found["measures"]["recall@1"]["candidate"] == 1.0
    assert found["overlap"] > 0

    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"id": "n1", "title": "New hat"}))
    run("index", more, "--lake", mine)
    moved = run("live", "switch", filled["table"], "--lake", mine)
    assert "carried over before the move: 1 products" in moved.stdout
    assert "5 products" in moved.output
    hits = json.loads(run("search", "new hat", "--lake", mine, "--json").stdout)
    assert hits["hits"][0]["id"] == "n1"
    assert hits["version"].startswith(filled["table"])
    back = json.loads(run("live", "rollback", "--lake", mine, "--json").stdout)
    assert back["live"]["table"] == filled["source"]
    with pytest.raises(InvalidRequest, match="already"):
        run("live", "reindex", "--profile", "fake", "--lake", mine)


def test_a_worse_table_stays_where_it_is_unless_forced(
    run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(_threads: int | None) -> LoadedEncoders:
        fake = registry.load("fake")
        infos = {m: replace(info, revision="3") for m, info in fake.profile.encoders.items() if m != "image"}
        encoders = dict(fake.encoders)
        del encoders["image"]
        return LoadedEncoders(replace(fake.profile, name="blind", encoders=infos), encoders)

    monkeypatch.setitem(registry._PROFILES, "blind", blind)
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    filled = json.loads(run("live", "reindex", "--profile", "blind", "--lake", mine, "--json").stdout)
    with pytest.raises(PublishRejected, match=r"with image 1 → 0.*4 product titles.*--force"):
        run("live", "switch", filled["table"], "--lake", mine)
    queries = tmp_path / "queries.jsonl"
    queries.write_text(json.dumps({"query": "hat", "relevant": ["nothing"]}))
    with pytest.raises(PublishRejected, match=r"cannot be compared.*none of 1 queries.*--force"):
        run("live", "switch", filled["table"], "--queries", queries, "--lake", mine)
    live = json.loads(run("live", "list", "--lake", mine, "--json").stdout)[0]
    assert live["table"] == filled["source"]
    with pytest.raises(PublishRejected, match="no other table"):
        run("live", "rollback", "--models", "--lake", mine)

    moved = json.loads(run("live", "switch", filled["table"], "--force", "--lake", mine, "--json").stdout)
    assert (moved["live"]["table"], moved["comparison"]) == (filled["table"], None)
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"id": "n1", "title": "New hat"}))
    run("index", more, "--lake", mine)
    back = run("live", "rollback", "--models", "--lake", mine)
    assert "carried over after the move: 1 products" in back.stdout
    assert f"{filled['source']}, 5 products" in back.output


def test_weights_are_registered_from_a_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.models._fingerprint_of", lambda _name, _folder: "0123456789abcdef")
    weights = tmp_path / "weights"
    weights.mkdir()
    save_file({"weight": np.zeros((2, 2), np.float32)}, weights / "text.safetensors")
    (weights / "manifest.json").write_text(json.dumps({"metrics": {"recall@10": 0.5, "note": "none"}}))
    lake = tmp_path / "lake"
    told = run("models", "register", "my-shop", weights, "--data", "feed-1", "--lake", lake)
    assert "mmpipe live reindex --profile my-shop" in told.output
    (record,) = json.loads(run("models", "list", "--lake", lake, "--json").stdout)["registered"]
    assert (record["metrics"], record["data_fingerprint"]) == ({"recall@10": 0.5}, "feed-1")
    again = json.loads(run("models", "register", "my-shop", weights, "--lake", lake, "--json").stdout)
    assert again == record
    assert json.loads(run("models", "register", "my-shop", "--lake", lake, "--json").stdout) == record
    with pytest.raises(ModelUnavailable, match="holds my-shop"):
        run("models", "register", "your-shop", "--lake", lake)
    (weights / "manifest.json").write_text("[")
    with pytest.raises(InvalidRequest, match="manifest"):
        run("models", "register", "my-shop", weights, "--lake", lake)
    with pytest.raises(InvalidRequest, match="no folder"):
        run("models", "register", "my-shop", tmp_path / "nowhere", "--lake", lake)


def test_models_cannot_be_a_collection(run: Run, tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "a", "title": "A"}))
    with pytest.raises(InvalidRequest, match="not 'models'"):
        run("index", feed, "--collection", "models", "--lake", tmp_path / "lake")
