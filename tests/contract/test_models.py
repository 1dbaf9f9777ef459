"""What the model registry must do, on every object store; S3 over the real wire protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from safetensors.numpy import save_file

from mmpipe.errors import InvalidRequest, ModelUnavailable, StorageUnavailable
from mmpipe.lake.model_files import MAX_FILE_BYTES, MAX_FILES
from mmpipe.lake.models import ModelRegistry, RegisteredModel
from mmpipe.objects import ObjectStore, open_store
from mmpipe.settings import ModelSettings, StorageSettings

BUCKET = "models-contract"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield url
    server.stop()


class Place:
    """A registry and the store under it."""

    def __init__(self, uri: str, storage: StorageSettings, cache: Path) -> None:
        self.uri = uri
        self.storage = storage
        self.cache = cache
        self.store: ObjectStore = open_store(uri, storage)
        self.models = self.another()

    def another(self) -> ModelRegistry:
        return ModelRegistry(
            self.uri,
            self.storage,
            ModelSettings(cache_dir=str(self.cache)),
            # Loading towers is the starter's own business; here a name and bytes are enough.
            fingerprint_of=lambda name, folder: hashlib.sha256(
                name.encode() + (folder / "text.safetensors").read_bytes()
            ).hexdigest()[:16],
        )

    def file(self, model: RegisteredModel, name: str) -> str:
        return f"{self.uri}/models/files/{model.files[name]}"


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    storage = StorageSettings()
    if request.param == "folder":
        uri = f"file://{tmp_path}/lake"
    elif request.param == "memory":
        uri = f"memory://{tmp_path.name}/lake"
    else:
        storage = StorageSettings(endpoint_url=request.getfixturevalue("endpoint"))
        uri = f"s3://{BUCKET}/{tmp_path.name}"
    return Place(uri, storage, tmp_path / "cache")


def trained(folder: Path, seed: int = 0) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    save_file({"weight": rng.standard_normal((4, 4)).astype(np.float32)}, folder / "text.safetensors")
    (folder / "manifest.json").write_text(json.dumps({"seed": seed}))
    return folder


def register(place: Place, folder: Path, name: str = "my-shop") -> RegisteredModel:
    return place.models.register(
        name, folder, metrics={"recall@10": 0.4}, data_fingerprint="feed-1", parent="starter@0123456789abcdef"
    )


def test_what_is_registered_is_found_and_fetched(place: Place, tmp_path: Path) -> None:
    folder = trained(tmp_path / "trained")
    model = register(place, folder)
    assert (model.name, model.kind, model.metrics) == ("my-shop", "starter", {"recall@10": 0.4})
    assert model.sizes == {p.name: p.stat().st_size for p in folder.iterdir()}
    assert place.another().get("my-shop") == model
    assert place.another().get("my-shop", model.revision) == model
    assert place.models.list() == [model]
    assert place.models.with_fingerprint("my-shop", model.profile_fingerprint) == model
    fetched = place.models.fetch(model)
    assert {p.name: p.read_bytes() for p in fetched.iterdir()} == {
        p.name: p.read_bytes() for p in folder.iterdir()
    }
    assert place.models.fetch(model) == fetched


def test_the_same_content_twice_is_one_revision(place: Place, tmp_path: Path) -> None:
    folder = trained(tmp_path / "trained")
    first = register(place, folder)
    again = place.another().register(
        "my-shop", folder, metrics={"other": 1.0}, data_fingerprint="another", parent=None
    )
    assert again == first
    assert place.models.list() == [first]
    stored = [stat.uri for stat in place.store.list(f"{place.uri}/models/")]
    assert len(stored) == 3  # two files, one record


def test_a_release_that_makes_other_vectors_of_the_same_files_registers_them_again(
    place: Place, tmp_path: Path
) -> None:
    old = register(place, trained(tmp_path / "trained"))
    assert place.models.register_again("my-shop") == old
    newer = ModelRegistry(
        place.uri,
        place.storage,
        ModelSettings(cache_dir=str(place.cache)),
        fingerprint_of=lambda _name, _folder: "f" * 16,
    )
    new = newer.register_again("my-shop", old.revision)
    assert (new.files, new.metrics, new.parent) == (old.files, old.metrics, old.parent)
    assert (new.profile_fingerprint, new.revision != old.revision) == ("f" * 16, True)
    assert newer.with_fingerprint("my-shop", old.profile_fingerprint) == old
    assert newer.get("my-shop") == new
    assert len(list(place.store.list(f"{place.uri}/models/files/"))) == 2


def test_registering_at_once_writes_one_record(place: Place, tmp_path: Path) -> None:
    folder = trained(tmp_path / "trained")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: register(place, folder), range(4)))
    assert {model.created_at for model in found} == {place.models.get("my-shop").created_at}


def test_two_people_at_once_under_one_name_are_two_revisions(place: Place, tmp_path: Path) -> None:
    folders = [trained(tmp_path / f"by-{n}", n) for n in range(3)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda folder: register(place, folder), folders))
    assert len({model.revision for model in made}) == 3
    assert sorted(place.models.revisions("my-shop"), key=lambda m: m.revision) == sorted(
        made, key=lambda m: m.revision
    )
    # Everyone loads the same one, and each has their own by its revision.
    newest = max(made, key=lambda m: (m.created_at, m.revision))
    assert [place.another().get("my-shop") for _ in range(2)] == [newest, newest]
    for model in made:
        assert place.models.get("my-shop", model.revision) == model


def test_the_newest_revision_counts_and_equal_files_are_stored_once(place: Place, tmp_path: Path) -> None:
    old = register(place, trained(tmp_path / "one", 1))
    folder = trained(tmp_path / "two", 2)
    (folder / "manifest.json").write_text((tmp_path / "one" / "manifest.json").read_text())
    new = register(place, folder)
    assert place.models.get("my-shop") == new
    assert place.models.get("my-shop", old.revision) == old
    assert place.models.revisions("my-shop") == [new, old]
    files = list(place.store.list(f"{place.uri}/models/files/"))
    assert len(files) == 3


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "does not match its SHA-256"),
        (lambda data: data[:-1], "holds .* bytes, registered were"),
        (lambda data: data + b"!", "holds .* bytes, registered were"),
    ],
)
def test_a_file_that_was_changed_is_refused_until_it_is_mended(
    place: Place, tmp_path: Path, damage: object, told: str
) -> None:
    folder = trained(tmp_path / "trained")
    model = register(place, folder)
    uri = place.file(model, "text.safetensors")
    data, _ = place.store.read(uri, max_bytes=1_000_000)
    place.store.write(uri, damage(data))  # type: ignore[operator]
    with pytest.raises(ModelUnavailable, match=f"text.safetensors {told}") as error:
        place.models.fetch(model)
    assert "Register the model again" in str(error.value)
    assert register(place, folder) == model
    assert (place.models.fetch(model) / "text.safetensors").read_bytes() == data


def test_a_missing_file_and_a_damaged_copy(place: Place, tmp_path: Path) -> None:
    model = register(place, trained(tmp_path / "trained"))
    copy = place.models.fetch(model)
    (copy / "text.safetensors").write_bytes(b"planted")
    (copy / "added.json").write_text("{}")
    assert place.models.fetch(model) == copy
    assert (
        hashlib.sha256((copy / "text.safetensors").read_bytes()).hexdigest()
        == (model.files["text.safetensors"])
    )
    assert not (copy / "added.json").exists()
    (copy / "text.safetensors").unlink()
    (copy / "text.safetensors").mkdir()
    assert (place.models.fetch(model) / "text.safetensors").is_file()
    place.store.delete(place.file(model, "text.safetensors"))
    assert place.models.fetch(model) == copy  # what is here is what was registered
    with pytest.raises(ModelUnavailable, match=r"text\.safetensors is missing from the lake"):
        place.models.verify(model)  # what is there is not
    (copy / "text.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"text\.safetensors is missing from the lake"):
        place.models.fetch(model)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["files"].update({"text.safetensors": "0" * 64}),
        lambda record: record["files"].update({"../../evil.json": "0" * 64}),
        lambda record: record["files"].update({"/etc/evil.json": "0" * 64}),
        lambda record: record["files"].update({"state.pkl": "0" * 64}),
        lambda record: record["files"].update({f"{n}.json": "0" * 64 for n in range(MAX_FILES)}),
        lambda record: record["files"].pop("manifest.json"),
        lambda record: record.update(revision="0" * 16),
        lambda record: record.update(profile_fingerprint="0" * 16),
        lambda record: record.update(kind="pickle"),
        lambda record: record["sizes"].update({"text.safetensors": 10**12}),
    ],
)
def test_a_record_that_was_changed_is_refused(place: Place, tmp_path: Path, change: object) -> None:
    model = register(place, trained(tmp_path / "trained"))
    uri = f"{place.uri}/models/my-shop/{model.revision}.json"
    record = json.loads(place.store.read(uri, max_bytes=100_000)[0])
    change(record)  # type: ignore[operator]
    place.store.write(uri, json.dumps(record).encode())
    with pytest.raises(ModelUnavailable, match=f"{model.revision}.json is no record"):
        place.models.get("my-shop")
    with pytest.raises(ModelUnavailable):
        place.models.list()


def test_a_damaged_record_does_not_stop_the_other_revisions(place: Place, tmp_path: Path) -> None:
    old = register(place, trained(tmp_path / "one", 1))
    new = register(place, trained(tmp_path / "two", 2))
    place.store.write(f"{place.uri}/models/my-shop/{new.revision}.json", b"{}")
    # A table that the old one encoded goes on being searched; which is the newest nobody can say.
    assert place.models.with_fingerprint("my-shop", old.profile_fingerprint) == old
    assert place.models.get("my-shop", old.revision) == old
    told = f"{new.revision}.json is no record"
    with pytest.raises(ModelUnavailable, match=told):
        place.models.get("my-shop")
    with pytest.raises(ModelUnavailable, match=told):
        place.models.get("my-shop", new.revision)
    with pytest.raises(ModelUnavailable, match=told):
        place.models.with_fingerprint("my-shop", new.profile_fingerprint)
    with pytest.raises(ModelUnavailable, match="holds my-shop"):
        place.models.get("your-shop")


def test_a_record_of_another_model_is_refused(place: Place, tmp_path: Path) -> None:
    model = register(place, trained(tmp_path / "trained"))
    data, _ = place.store.read(f"{place.uri}/models/my-shop/{model.revision}.json", max_bytes=100_000)
    place.store.write(f"{place.uri}/models/another/{model.revision}.json", data)
    with pytest.raises(ModelUnavailable, match="record of my-shop"):
        place.models.get("another")


def test_unknown_names_and_revisions(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="holds none"):
        place.models.get("my-shop")
    model = register(place, trained(tmp_path / "trained"))
    with pytest.raises(ModelUnavailable, match="holds my-shop"):
        place.models.get("your-shop")
    with pytest.raises(ModelUnavailable, match=f"registered are {model.revision}"):
        place.models.get("my-shop", "f" * 16)
    with pytest.raises(ModelUnavailable, match="cannot name"):
        place.models.get("../my-shop")
    assert place.models.with_fingerprint("my-shop", "f" * 16) is None
    assert place.models.revisions("files") == []


@pytest.mark.parametrize(
    "name",
    [
        "starter",
        "fake",
        "siglip2",
        "whisper",
        "text:acme/mini",
        "files",
        "My-shop",
        "-x",
        "",
        "a/b",
        "..",
        "a" * 41,
    ],
)
def test_names_that_are_taken_or_not_allowed(place: Place, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        register(place, trained(tmp_path / "trained"), name)
    assert place.models.list() == []


def test_folders_with_anything_else_are_refused(place: Place, tmp_path: Path) -> None:
    folder = trained(tmp_path / "trained")
    (folder / "state.pt").write_bytes(b"pickle")
    with pytest.raises(InvalidRequest, match=r"state\.pt"):
        register(place, folder)
    (folder / "state.pt").rename(folder / "state.safetensors")
    with pytest.raises(InvalidRequest, match=r"state\.safetensors is no safetensors file"):
        register(place, folder)
    (folder / "state.safetensors").unlink()
    (folder / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(InvalidRequest, match=r"link\.json"):
        register(place, folder)
    (folder / "link.json").unlink()
    with (folder / "huge.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidRequest, match=r"huge\.json holds 64,000,001 bytes, 64,000,000 are allowed"):
        register(place, folder)
    (folder / "huge.json").unlink()
    (folder / "text.safetensors").unlink()
    with pytest.raises(InvalidRequest, match=r"no \.safetensors"):
        register(place, folder)
    with pytest.raises(InvalidRequest, match="no folder"):
        register(place, tmp_path / "nowhere")
    assert list(place.store.list(f"{place.uri}/")) == []


def test_metrics_must_be_numbers(place: Place, tmp_path: Path) -> None:
    folder = trained(tmp_path / "trained")
    with pytest.raises(InvalidRequest, match="metrics"):
        place.models.register(
            "my-shop", folder, metrics={"recall": float("nan")}, data_fingerprint="x", parent=None
        )
    with pytest.raises(InvalidRequest, match="data_fingerprint"):
        place.models.register("my-shop", folder, metrics={}, data_fingerprint="", parent=None)


def test_a_store_that_fails_writes_no_record(tmp_path: Path) -> None:
    place = Place(f"memory://{tmp_path.name}/lake", StorageSettings(), tmp_path / "cache")
    folder = trained(tmp_path / "trained")
    place.store.fail_next("write", StorageUnavailable("down"))  # type: ignore[attr-defined]
    with pytest.raises(StorageUnavailable):
        register(place, folder)
    assert place.models.list() == []
    assert place.models.fetch(register(place, folder)).is_dir()
