"""Keys learnt on both eyes' features: what is seen is kept, keys learn, and the tower has them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.glossary import load_glossary  # noqa: E402
from mmpipe.encoders.starter.loader import WEIGHTS as SHIPPED  # noqa: E402
from mmpipe.encoders.starter.loader import load_image, load_text  # noqa: E402
from mmpipe.encoders.starter.towers import ImageTower  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
from mmpipe.learn.export import save_tower  # noqa: E402
from training import keys  # noqa: E402
from training.data import on_canvas  # noqa: E402
from training.standing import scaled  # noqa: E402

TERMS = load_glossary().by_concept
TYPES = ("dresses", "jeans", "watches")
WIDTH = 1792


def make_source(name: str, count: int) -> Source:
    """Pictures of one bright colour a type, and noise."""
    rng = np.random.default_rng(count)
    kinds = [TYPES[i % 3] for i in range(count)]
    items = [Item(f"{name}{i}", name, kind, None, {"type": TERMS[f"type/{kind}"]}) for i, kind in
             enumerate(kinds)]  # fmt: skip
    pictures = rng.integers(0, 90, (count, 160, 128, 3), dtype=np.uint8)
    for row, kind in enumerate(kinds):
        pictures[row, ..., TYPES.index(kind)] += 160
    return Source(name, items, pictures[:, ::2, ::2], originals=list(pictures))


def two_eyes(seed: int, values: torch.Tensor | None = None) -> ImageTower:
    torch.manual_seed(seed)
    tower = ImageTower(norm=False, concepts=3, two_eyes=True).eval()
    assert tower.concepts is not None
    if values is None:
        values = F.normalize(torch.randn(3, 256), dim=1)
    tower.concepts.values.data = 0.25 * values
    return tower


def test_what_the_eyes_see_is_the_towers_own_and_kept_for_them(tmp_path: Path) -> None:
    tower, source = two_eyes(1), make_source("fashion", 11)
    found = keys.seen(tower, source, tmp_path)
    assert found.shape == (11, WIDTH)
    with torch.inference_mode():
        wanted = tower.features(scaled(on_canvas(source)))
    assert float(F.cosine_similarity(torch.from_numpy(found).float(), wanted).min()) > 0.99
    blind = replace(source, originals=[np.zeros_like(p) for p in source.originals])  # known by their pixels
    np.testing.assert_array_equal(keys.seen(tower, blind, tmp_path), found)
    assert tower.concepts is not None
    tower.concepts.values.data *= 2  # what is made of it is not what is seen
    np.testing.assert_array_equal(keys.seen(tower, blind, tmp_path), found)
    assert not np.allclose(keys.seen(two_eyes(2), source, tmp_path), found)


def features_of_kinds(rows: int, kinds: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of very different sizes, a few of which tell the kind."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(rows) % kinds
    features = torch.randn(rows, WIDTH, generator=generator)
    told = 4 * torch.randn(kinds, 40, generator=generator)
    features[:, :20] += told[labels, :20]  # of the trunk
    features[:, 600:620] += told[labels, 20:]  # of the backbone
    return features * torch.logspace(-1, 1, WIDTH), labels


def test_keys_learn_from_what_has_a_type_and_are_drawn_by_seed() -> None:
    features, labels = features_of_kinds(360, 6)
    begun = nn.Linear(WIDTH, 6)
    nn.init.zeros_(begun.weight)
    nn.init.zeros_(begun.bias)
    taught = labels.clone()
    taught[300:] = -1
    learnt = keys.learn(begun, features, taught, passes=8, batch=64, rate=5e-3, seed=5)
    unseen = learnt(features[300:]).argmax(1) == labels[300:]
    assert float(unseen.float().mean()) > 0.8
    only = keys.learn(begun, features[:300], labels[:300], passes=8, batch=64, rate=5e-3, seed=5)
    assert torch.equal(only.weight, learnt.weight)  # rows without a type change nothing, nor do other draws
    other = keys.learn(begun, features, taught, passes=8, batch=64, rate=5e-3, seed=6)
    assert not torch.equal(other.weight, learnt.weight)


def test_no_pass_leaves_the_sum_of_both_classifiers() -> None:
    features, labels = features_of_kinds(30, 3)
    mean = nn.Linear(WIDTH, 3)
    found = keys.learn(mean, features, labels, passes=0, batch=8, rate=1e-3, seed=1)
    torch.testing.assert_close(found(features), 2 * mean(features), rtol=1e-3, atol=1e-3)


def test_a_tower_has_sharper_attention_over_longer_values(tmp_path: Path) -> None:
    tower = two_eyes(4)
    learnt = nn.Linear(WIDTH, 3)
    save_tower(keys.with_keys(tower, learnt), tmp_path / "image.safetensors")
    found = load_image(tmp_path / "image.safetensors").eval()
    assert tower.concepts is not None
    assert found.concepts is not None
    assert keys.is_learnt(found.concepts)
    assert not keys.is_learnt(tower.concepts)
    pictures = torch.randn(4, 3, 160, 128)
    with torch.inference_mode():
        seen = tower.features(pictures)
        near = F.normalize(tower.project(seen[:, :512]), dim=1)
        far = F.normalize(tower.project_far(seen[:, 512:]), dim=1)
        attention = torch.softmax(2 * learnt(seen), 1)
        wanted = F.normalize(0.55 * near + 0.45 * far, dim=1) + attention @ (1.8 * tower.concepts.values)
        assert float(F.cosine_similarity(found(pictures), wanted).min()) > 0.99


def test_the_command_writes_the_tower_anew_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = make_source("fashion", 18), make_source("grocery", 12), make_source("sample", 6)
    monkeypatch.setattr(keys, "read_fashion", lambda _: (sources[0], None, None))
    monkeypatch.setattr(keys, "read_grocery", lambda _: (sources[1], None))
    monkeypatch.setattr(keys, "read_renders", lambda *_: sources[2])
    weights = tmp_path / "weights"
    weights.mkdir()
    shutil.copyfile(SHIPPED / "text.safetensors", weights / "text.safetensors")
    names = [TERMS[f"type/{kind}"].en[0] for kind in reversed(TYPES)]  # the tower's own order
    values = load_text(weights / "text.safetensors").embed_documents(names)
    before = two_eyes(6, torch.from_numpy(values))
    file = weights / "image.safetensors"
    save_tower({n: t.detach() for n, t in before.state_dict().items()}, file)

    command = ["--data", str(tmp_path), "--towers", str(tmp_path), "--weights", str(weights),
               "--out", str(tmp_path / "out"), "--batch", "8", "--seed", "3"]  # fmt: skip
    keys.main(command)
    assert len(list((tmp_path / "out").glob("seen-*.npy"))) == 3
    held = load_image(file).concepts
    assert held is not None
    begun = two_eyes(6).concepts
    assert begun is not None
    seen = np.concatenate([keys.seen(load_image(file), source, tmp_path / "out") for source in sources])
    types = torch.tensor([2 - i % 3 for source in sources for i in range(len(source))])
    wanted = keys.learn(begun.keys, torch.from_numpy(seen).float(), types, 3, 8, 1e-3, 3)
    assert float(F.cosine_similarity(held.keys.weight.detach(), wanted.weight).min()) > 0.999
    torch.testing.assert_close(held.keys.weight.norm(dim=1), 2 * wanted.weight.norm(dim=1), rtol=0.01, atol=0)
    written = file.read_bytes()
    keys.main(command)
    assert file.read_bytes() == written

    save_tower(ImageTower(norm=False).state_dict(), file)
    with pytest.raises(SystemExit, match="one eye"):
        keys.main(command)
