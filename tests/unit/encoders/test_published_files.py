"""Pulling, pinning and checking model files: nothing is loaded that was not verified."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from fake_hub import COMMIT, FILES, NEWER, REPO, USED, FakeHub
from typer.testing import CliRunner

from mmpipe.cli import app
from mmpipe.encoders import published, registry
from mmpipe.encoders.published.hub import HuggingFaceHub
from mmpipe.encoders.published.lock import folder_of, lock_path, read_lock, verified_folder
from mmpipe.encoders.published.pull import bring, pull
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.settings import ModelSettings

Run = Callable[..., Result]


def _incoming(settings: ModelSettings) -> list[str]:
    """What pulls left lying about, but for the locks of their repositories."""
    return [p.name for p in Path(settings.dir, ".incoming").iterdir() if p.suffix != ".lock"]


def test_a_pull_takes_only_what_is_used_and_pins_it(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    told: list[str] = []
    pulled = pull("clip", settings, hub, tell=told.append)
    assert pulled.fetched
    assert sorted(p.name for p in pulled.folder.iterdir()) == USED
    assert pulled.folder == Path(settings.dir) / REPO / COMMIT
    lock = json.loads(lock_path(settings).read_text())
    entry = lock["models"][REPO]
    assert entry["revision"] == COMMIT
    assert entry["source"] == server.url
    assert entry["files"]["config.json"]["sha256"] == hashlib.sha256(FILES["config.json"]).hexdigest()
    assert told == [f"{REPO}: {name}" for name in USED]
    # Never asked for: code and pickles.
    assert not [path for path in server.requests if path.endswith((".py", ".bin"))]
    assert _incoming(settings) == []

    server.asked.clear()
    again = pull("clip", settings, hub)
    assert not again.fetched
    assert server.requests == []


def test_a_pinned_model_stays_at_its_revision(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    first = pull("clip", settings, hub)
    shutil.rmtree(first.folder)
    server.head = NEWER
    assert pull("clip", settings, hub).locked == first.locked
    with pytest.raises(ModelUnavailable, match=r"is pinned to a{40} .*--repin"):
        pull("clip", settings, hub, revision=NEWER)
    server.files["model.safetensors"] = b"newer weights"
    moved = pull("clip", settings, hub, repin=True)
    assert moved.locked.revision == NEWER
    assert read_lock(settings)[REPO] == moved.locked


def test_bytes_that_changed_at_a_pinned_revision_are_refused(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    pulled = pull("clip", settings, hub)
    shutil.rmtree(pulled.folder)
    # The hub itself now vouches for other bytes of the same commit.
    server.files["model.safetensors"] = b"exchanged"
    with pytest.raises(ModelUnavailable, match=r"not what .* pins: model\.safetensors has another size"):
        pull("clip", settings, hub)
    assert not pulled.folder.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_download_is_refused(
    name: str, hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    server.served[name] = FILES[name][:-1] + b"?"
    with pytest.raises(ModelUnavailable, match=f"{name} of {REPO} does not have the"):
        pull("clip", settings, hub)
    assert read_lock(settings) == {}
    assert _incoming(settings) == []
    assert [p.name for p in Path(settings.dir).iterdir()] == [".incoming"]


def test_pickle_only_repositories_are_refused(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings, source: Path
) -> None:
    del server.files["model.safetensors"]
    (source / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"only as pickle \(pytorch_model\.bin\).*--revision"):
        pull("clip", settings, hub)
    with pytest.raises(ModelUnavailable, match="only as pickle"):
        bring("clip", settings, source)
    assert read_lock(settings) == {}


def test_what_the_hub_does_not_have_is_named(
    hub: HuggingFaceHub, settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelUnavailable, match="no revision 'nightly'"):
        pull("clip", settings, hub, revision="nightly")
    with pytest.raises(ModelUnavailable, match="no public model acme/none"):
        pull("text:acme/none", settings, hub)
    with pytest.raises(ModelUnavailable, match=r"could not be fetched .*--from FOLDER"):
        pull("clip", settings, HuggingFaceHub("http://127.0.0.1:9"))
    with pytest.raises(ModelUnavailable, match=r"no published profile 'text:\.\./etc'"):
        pull("text:../etc", settings, hub)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE"):
        pull("clip", settings, hub)


def test_a_carried_folder_must_match_an_existing_pin(
    hub: HuggingFaceHub, settings: ModelSettings, source: Path
) -> None:
    pulled = pull("clip", settings, hub)
    shutil.rmtree(pulled.folder)
    assert bring("clip", settings, source).locked == pulled.locked
    verified_folder(settings, "clip", REPO)
    (source / "config.json").write_bytes(FILES["config.json"].replace(b"clip", b"CLIP"))
    with pytest.raises(ModelUnavailable, match=r"config\.json was changed"):
        bring("clip", settings, source)
    verified_folder(settings, "clip", REPO)
    own = bring("clip", settings, source, repin=True)
    assert own.locked.revision == f"folder-{own.locked.digest[:16]}"
    shutil.rmtree(own.folder)
    with pytest.raises(ModelUnavailable, match="brought from a folder"):
        pull("clip", settings, hub)


def test_a_model_that_is_not_here_says_what_to_run(settings: ModelSettings, source: Path) -> None:
    with pytest.raises(ModelUnavailable, match="`mmpipe models pull clip`"):
        registry.load("clip", models=settings)
    with pytest.raises(ModelUnavailable, match="`mmpipe models pull text:acme/mini`"):
        registry.load("text:acme/mini", models=settings)
    pulled = bring("clip", settings, source)
    shutil.rmtree(pulled.folder)
    with pytest.raises(ModelUnavailable, match=r"which is not in .*MMPIPE_MODELS__DIR"):
        registry.load("clip", models=settings)
    with pytest.raises(ModelUnavailable, match=r"no model profile 'clop'; known: starter, fake, siglip2"):
        registry.load("clop", models=settings)


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda f: _flip(f / "model.safetensors"), r"model\.safetensors was changed"),
        (lambda f: _flip(f / "tokenizer.json"), r"tokenizer\.json was changed"),
        (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
        (lambda f: (f / "adapter_config.json").write_text("{}"), r"adapter_config\.json is not part"),
        (lambda f: (f / "pytorch_model.bin").write_bytes(b"\x80"), r"pytorch_model\.bin is not part"),
    ],
)
def test_a_folder_that_was_tampered_with_is_refused(
    tamper: Callable[[Path], object], message: str, settings: ModelSettings, source: Path
) -> None:
    pulled = bring("clip", settings, source)
    tamper(pulled.folder)
    with pytest.raises(ModelUnavailable, match=f"refused: .*{message}.*mmpipe models pull clip"):
        registry.load("clip", models=settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(revision="main"),
        lambda entry: entry["files"].update({"../../x.json": {"size": 1, "sha256": "0" * 64}}),
        lambda entry: entry["files"].update({"pytorch_model.bin": {"size": 1, "sha256": "0" * 64}}),
        lambda entry: entry["files"]["config.json"].update(sha256="?"),
    ],
)
def test_a_lock_that_makes_no_sense_is_refused(
    change: Callable[[dict[str, object]], object], settings: ModelSettings, source: Path
) -> None:
    bring("clip", settings, source)
    lock = json.loads(lock_path(settings).read_text())
    change(lock["models"][REPO])
    lock_path(settings).write_text(json.dumps(lock))
    with pytest.raises(ModelUnavailable, match=r"models\.lock: .*restore it"):
        registry.load("clip", models=settings)


def test_the_lock_may_lie_elsewhere(tmp_path: Path, source: Path) -> None:
    settings = ModelSettings(dir=str(tmp_path / "models"), lock=str(tmp_path / "shop" / "pins.json"))
    pulled = bring("clip", settings, source)
    assert (tmp_path / "shop" / "pins.json").is_file()
    assert folder_of(settings, REPO, pulled.locked.revision) == pulled.folder
    verified_folder(settings, "clip", REPO)


def test_known_profiles_name_the_published_ones() -> None:
    assert set(registry.known_profiles()) == {"starter", "fake", *published.PUBLISHED}
    assert published.find("text:a b/c") is None
    assert published.find("text:acme") is None


@pytest.fixture
def run(settings: ModelSettings) -> Run:
    runner = CliRunner(env={"MMPIPE_MODELS__DIR": settings.dir, "COLUMNS": "250"})
    return lambda *arguments: runner.invoke(app, ["models", *map(str, arguments)], catch_exceptions=False)


def _states(run: Run, *options: str) -> dict[str, str]:
    published = json.loads(run("list", "--json", *options).stdout)["published"]
    return {row["profile"]: row["state"] for row in published}


def test_models_list_shows_where_each_stands(run: Run, source: Path, settings: ModelSettings) -> None:
    assert _states(run) == dict.fromkeys([*published.PUBLISHED, "whisper"], "not pulled")
    pulled = run("pull", "clip", "--from", source, "--json")
    assert pulled.exit_code == 0, pulled.output
    folder = Path(json.loads(pulled.stdout)["folder"])
    (source / "modules.json").write_text("[]")
    run("pull", "text:acme/mini", "--from", source)
    assert _states(run)["clip"] == _states(run)["text:acme/mini"] == "ready"
    shown = run("list").output
    line = next(line for line in shown.splitlines() if line.startswith("clip"))
    assert "ready" in line
    assert read_lock(settings)[REPO].revision[:14] in line
    assert "mmpipe models pull PROFILE" in shown
    _flip(folder / "model.safetensors")
    assert _states(run)["clip"] == "ready"  # same size: only --verify reads the bytes
    assert _states(run, "--verify")["clip"] == "damaged"
    shutil.rmtree(folder)
    assert _states(run)["clip"] == "missing"


def test_models_pull_from_a_hub(run: Run, server: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMPIPE_MODELS__HUB_URL", server.url)
    first = run("pull", "clip", "--revision", COMMIT)
    assert first.exit_code == 0, first.output
    assert f"clip: {REPO} at {COMMIT} verified and pinned" in first.output
    assert "was here already" in run("pull", "clip").output
    with pytest.raises(InvalidRequest, match="--revision"):
        run("pull", "clip", "--revision", COMMIT, "--from", ".")
