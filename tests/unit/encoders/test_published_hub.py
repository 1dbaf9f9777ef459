"""What is asked of a hub, over its own client: what breaks is continued, what is not whole is not used."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_hub import COMMIT, FILES, NEWER, REPO, USED, FakeHub

from mmpipe.encoders.published.hub import HuggingFaceHub, RemoteFile, RemoteModel
from mmpipe.encoders.published.lock import folder_of, read_lock, verified_folder
from mmpipe.encoders.published.pull import Pulled, bring, pull
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings

WEIGHTS = "model.safetensors"


def test_a_download_that_breaks_off_goes_on_where_it_was(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", len(FILES[WEIGHTS]) // 10)
    server.breaks[WEIGHTS] = 1
    pulled = pull("clip", settings, hub)
    assert (pulled.folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    first, second = server.fetches(WEIGHTS)
    assert "range" not in first.headers
    assert second.headers["range"] == f"bytes={len(FILES[WEIGHTS]) // 2}-"


def test_the_next_pull_asks_for_what_the_last_one_did_not_get(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    server.down = {WEIGHTS}
    with pytest.raises(ModelUnavailable, match=rf"{REPO} could not be fetched from {server.url}"):
        pull("clip", settings, hub)
    assert read_lock(settings) == {}
    assert not folder_of(settings, REPO, COMMIT).exists()

    server.down = set()
    server.asked.clear()
    pulled = pull("clip", settings, hub)
    assert sorted(p.name for p in pulled.folder.iterdir()) == USED
    assert len(server.fetches(WEIGHTS)) == 1
    assert server.fetches("config.json") == server.fetches("tokenizer.json") == []


def test_what_lies_half_fetched_is_not_used_without_its_hub(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings, tmp_path: Path
) -> None:
    """The hub's client then hands out the folder as it is, without an error."""
    server.down = {WEIGHTS}
    with pytest.raises(ModelUnavailable):
        pull("clip", settings, hub)
    # Another folder, since the client remembers by the folder which files belong to the commit.
    elsewhere = ModelSettings(dir=str(tmp_path / "moved"))
    shutil.copytree(settings.dir, elsewhere.dir, ignore=shutil.ignore_patterns(".cache"))
    server.down = {"/tree/", "/resolve/"}
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors did not arrive.*--from FOLDER"):
        pull("clip", elsewhere, hub)
    assert read_lock(elsewhere) == {}


def test_what_lies_half_fetched_and_was_changed_is_refused_once(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    server.down = {WEIGHTS}
    with pytest.raises(ModelUnavailable):
        pull("clip", settings, hub)
    left = next(Path(settings.dir, ".incoming").glob(f"*/{COMMIT}/config.json"))
    written = left.stat()
    left.write_bytes(FILES["config.json"].replace(b"clip", b"CLIP"))
    os.utime(left, ns=(written.st_atime_ns, written.st_mtime_ns))

    server.down = set()
    with pytest.raises(ModelUnavailable, match=r"config\.json of .* not have the git blob id .*pull again"):
        pull("clip", settings, hub)
    assert read_lock(settings) == {}
    assert (pull("clip", settings, hub).folder / "config.json").read_bytes() == FILES["config.json"]


def test_half_a_download_of_another_commit_goes(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings
) -> None:
    server.down = {WEIGHTS}
    with pytest.raises(ModelUnavailable):
        pull("clip", settings, hub)
    server.head = NEWER
    with pytest.raises(ModelUnavailable):
        pull("clip", settings, hub)
    assert [p.name for p in Path(settings.dir, ".incoming").glob("*/*")] == [NEWER]


def test_two_pulls_at_once_fetch_once(hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings) -> None:
    done: list[Pulled] = []
    waited: list[str] = []

    def tell(line: str) -> None:
        # The first has its lock: let the second begin.
        if line.endswith("config.json") and not other.is_alive():
            other.start()
            while not waited:
                other.join(0.01)

    other = threading.Thread(target=lambda: done.append(pull("clip", settings, hub, tell=waited.append)))
    first = pull("clip", settings, hub, tell=tell)
    other.join()
    assert first.fetched
    assert [pulled.fetched for pulled in done] == [False]
    assert waited == [f"{REPO}: another process is bringing it here, waiting"]
    assert len(server.fetches(WEIGHTS)) == 1


def test_large_files_come_from_where_the_hub_sends_them(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.elsewhere = server.url.replace("127.0.0.1", "localhost")
    pulled = pull("clip", settings, hub)
    assert (pulled.folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    sent = {request.path: request.headers.get("authorization") for request in server.asked}
    assert sent.pop(f"/content/{WEIGHTS}") is None
    assert set(sent.values()) == {"Bearer hf_secret"}


def test_the_token_of_a_login_stays_on_the_machine(
    server: FakeHub, settings: ModelSettings, tmp_path: Path
) -> None:
    """In a process of its own: the hub's client reads where its files are when it is imported."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text("hf_of_the_login")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "MMPIPE_MODELS__DIR": settings.dir,
        "MMPIPE_MODELS__HUB_URL": server.url,
    }
    command = [sys.executable, "-m", "mmpipe.cli", "models", "pull", "clip"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert read_lock(settings)[REPO].source == server.url
    assert server.fetches(WEIGHTS)
    assert {request.headers.get("authorization") for request in server.asked} == {None}


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://huggingface.co", "hf_secret"),
        ("https://models.shop.example/hub/", "hf_secret"),
        ("http://localhost:8080", "hf_secret"),
        ("http://models.shop.example", False),
        ("http://127.0.0.1.shop.example", False),
    ],
)
def test_a_token_never_goes_out_in_clear(
    url: str, token: str | bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []

    class Api:
        def __init__(self, **options: object) -> None:
            sent.append(options["token"])

        def model_info(self, *_: object, **__: object) -> None:
            raise OSError("no network here")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setenv("HF_TOKEN", " hf_secret\n")
    with pytest.raises(ModelUnavailable, match="could not be fetched"):
        HuggingFaceHub(url).resolve(REPO, None)
    monkeypatch.setenv("HF_TOKEN", "")
    with pytest.raises(ModelUnavailable, match="could not be fetched"):
        HuggingFaceHub(url).resolve(REPO, None)
    assert sent == [token, False]


def test_requests_tell_nothing_of_the_machine(
    hub: HuggingFaceHub, server: FakeHub, settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)
    pull("clip", settings, hub)
    agents = {request.headers["user-agent"] for request in server.asked}
    parts = {part.strip().partition("/")[0] for agent in agents for part in agent.split(";")}
    assert parts == {"mmpipe", "hf_hub", "python"}


class LinkingHub:
    """A hub whose client hands out links into its cache."""

    name = "https://hub.shop.example"

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def resolve(self, repo: str, revision: str | None) -> RemoteModel:
        files = {name: RemoteFile(hashlib.sha256(FILES[name]).hexdigest(), None) for name in USED}
        return RemoteModel(repo, COMMIT, files)

    def fetch(self, model: RemoteModel, names: Sequence[str], folder: Path) -> None:
        for name in names:
            (folder / name).symlink_to(self._cache / name)


def test_links_into_a_cache_become_files(settings: ModelSettings, source: Path, tmp_path: Path) -> None:
    pulled = pull("clip", settings, LinkingHub(source))
    assert not [p for p in pulled.folder.iterdir() if p.is_symlink()]
    assert {name: (source / name).read_bytes() for name in USED} == {name: FILES[name] for name in USED}
    shutil.rmtree(pulled.folder)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for name in USED:
        (snapshot / name).symlink_to(source / name)
    assert bring("clip", settings, snapshot).locked == pulled.locked
    shutil.rmtree(source)
    verified_folder(settings, "clip", REPO)


def test_a_name_that_no_hub_has_is_refused(hub: HuggingFaceHub, settings: ModelSettings) -> None:
    with pytest.raises(ModelUnavailable, match="no repository of a hub can be called acme--x/mini"):
        pull("text:acme--x/mini", settings, hub)


def test_the_hubs_client_is_imported_by_a_pull_alone() -> None:
    program = (
        "import sys; import mmpipe.cli.models, mmpipe.encoders.published.pull;"
        " print([m for m in ('huggingface_hub', 'filelock') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
