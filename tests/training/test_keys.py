"""Keys learnt on both eyes' features: what is seen is kept, keys learn, and the tower has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.glossary import load_glossary  # noqa: E402
from mmpipe.encoders.starter.towers import ImageTower  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
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


def test_a_tower_has_keys_of_what_it_sees_and_is_otherwise_as_it_was(tmp_path: Path) -> None:
    sources = make_source("fashion", 18), make_source("grocery", 12)
    labels = [torch.arange(len(source)) % 3 for source in sources]
    labels[1][4:] = -1
    before = {name: tensor.detach() for name, tensor in two_eyes(6).state_dict().items()}
    found = keys.with_learnt_keys(before, sources, labels, tmp_path, seed=3)
    assert sorted(path.name[:12] for path in tmp_path.iterdir()) == ["seen-fashion", "seen-grocery"]
    changed = {name for name, tensor in found.items() if not torch.equal(tensor, before[name])}
    assert changed == {"concepts.keys.weight", "concepts.keys.bias"}
    tower = two_eyes(6)
    assert tower.concepts is not None
    features = np.concatenate([keys.seen(tower, source, tmp_path) for source in sources])
    wanted = keys.learn(tower.concepts.keys, torch.from_numpy(features).float(), torch.cat(labels), seed=3)
    assert torch.equal(found["concepts.keys.weight"], wanted.weight)
    assert torch.equal(found["concepts.keys.bias"], wanted.bias)
