"""Hubness: what foreign texts see in a picture is told by it, and both towers carry it."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from safetensors import safe_open  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.loader import WEIGHTS, load_image, load_text  # noqa: E402
from mmpipe.encoders.starter.towers import DIM, MOST_HUBNESS, Hubness, ImageTower  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
from mmpipe.learn.export import save_tower  # noqa: E402
from training import hubs  # noqa: E402

WIDTH = 1792


def units(rows: int, seed: int, dim: int = DIM) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_nearness_is_of_every_text_but_the_pictures_own() -> None:
    pictures, texts = units(3, 1), units(5, 2)
    found = hubs.nearness(pictures, texts, torch.tensor([4, -1, 0]), sharpness=10.0)
    cosines = (pictures @ texts.T).double().numpy()
    for row, others in enumerate(([0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4])):
        wanted = np.log(np.exp(10.0 * cosines[row, others]).sum()) / 10.0
        assert float(found[row]) == pytest.approx(wanted, abs=1e-5)


def test_what_a_source_or_a_kind_has_in_common_is_left_out() -> None:
    values = torch.tensor([*[1.0] * 5, *[3.0] * 5, 9.0, 11.0])
    kinds, sources = [*"aaaaabbbbb", "c", "c"], [*["one"] * 10, "two", "two"]
    found = hubs.beside_their_kind(values, kinds, sources)
    # A kind keeps half of its mean, one of fewer than five pictures all of it.
    assert found.tolist() == pytest.approx([*[-0.5] * 5, *[0.5] * 5, -1.0, 1.0])


def test_hubness_is_learnt_by_seed_and_bounded() -> None:
    vectors, recognised = units(600, 3, 6) @ units(6, 14), torch.softmax(4 * units(600, 4, 6), dim=1)
    vectors = F.normalize(vectors, dim=1)
    values = 0.02 * vectors[:, 0] / vectors[:, 0].std()
    learnt = hubs.learn(vectors[:500], recognised[:500], values[:500], steps=300, seed=5)
    again = hubs.learn(vectors[:500], recognised[:500], values[:500], steps=300, seed=5)
    assert torch.equal(learnt.inner.weight, again.inner.weight)
    learnt.direction.copy_(units(1, 6)[0])
    told = learnt(vectors[500:], recognised[500:]) @ learnt.direction
    # The nearer foreign texts come, the more is taken off.
    assert float(torch.corrcoef(torch.stack([told, values[500:]]))[0, 1]) < -0.8
    assert 0.3 < float(told.std() / (hubs.STRENGTH / hubs.CONSTANT * values.std())) < 1.2
    with torch.no_grad():
        learnt.outer.bias.fill_(50.0)
    assert float((learnt(vectors, recognised) @ learnt.direction).max()) == pytest.approx(MOST_HUBNESS)


def test_the_direction_is_one_that_nothing_uses() -> None:
    texts, pictures = units(50, 7), units(40, 8)
    free = units(1, 9)[0]
    texts, pictures = (F.normalize(rows - (rows @ free)[:, None] * free, dim=1) for rows in (texts, pictures))
    bases = units(DIM - 1, 10)  # all others are in use
    bases = F.normalize(bases - (bases @ free)[:, None] * free, dim=1)
    found = hubs.unused(texts, pictures, bases)
    assert abs(float(found @ free)) > 0.999


def test_a_hub_no_longer_comes_before_what_is_meant(tmp_path: Path) -> None:
    torch.manual_seed(11)
    tower = ImageTower(norm=False, concepts=3, two_eyes=True).eval()
    features = torch.randn(300, WIDTH)
    with torch.inference_mode():
        vectors = F.normalize(tower.of_features(features), dim=1).clone()
    # Texts that mean one picture each, and all lean to the first tenth of the pictures.
    lean = F.normalize(vectors[:30].mean(0), dim=0)
    texts = F.normalize(vectors + 0.5 * lean + 0.1 * units(300, 12), dim=1)
    own, kinds, sources = torch.arange(300), ["kind"] * 300, ["shop"] * 300
    found = hubs.with_hubness(tower, features, texts, own, kinds, sources, seed=1, steps=200)
    assert found.hubness is not None
    asked = F.normalize(texts + hubs.CONSTANT * found.hubness.direction, dim=1)
    with torch.inference_mode():
        shown = F.normalize(found.of_features(features), dim=1)
    before, after = texts @ vectors.T, asked @ shown.T
    ahead = lambda scores: (scores[:, :30].mean(1) - scores[:, 30:].mean(1)).mean()  # noqa: E731
    assert float(ahead(after)) < float(ahead(before))
    # Between pictures it says next to nothing, and another run forgets this one.
    assert float((shown @ shown.T - vectors @ vectors.T).abs().max()) < MOST_HUBNESS**2 + 0.01
    weight = found.hubness.inner.weight.clone()
    renewed = hubs.with_hubness(tower, features, texts, own, kinds, sources, seed=1, steps=200)
    assert renewed.hubness is not None
    assert torch.equal(renewed.hubness.inner.weight, weight)
    save_tower(renewed.state_dict(), tmp_path / "image.safetensors")
    back = load_image(tmp_path / "image.safetensors").eval()
    with torch.inference_mode():
        kept = F.normalize(back.of_features(features), dim=1)
    assert float((kept * shown).sum(1).min()) > 0.999


def test_a_text_file_is_changed_in_its_constant_alone(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    path.write_bytes((WEIGHTS / "text.safetensors").read_bytes())
    hubs.replace_constant(path, torch.zeros(DIM))
    bare = load_text(path).embed_documents(["red dress", "男士黑色跑鞋", ""])
    direction = units(1, 13)[0]
    hubs.replace_constant(path, 0.3 * direction)
    found = load_text(path).embed_documents(["red dress", "男士黑色跑鞋", ""])
    wanted = bare + 0.3 * direction.half().float().numpy()
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=2e-4)
    with (
        safe_open(path, framework="pt") as new,
        safe_open(WEIGHTS / "text.safetensors", framework="pt") as old,
    ):
        assert new.metadata() == old.metadata()
        assert torch.equal(new.get_tensor("table.weight"), old.get_tensor("table.weight"))


def test_products_of_one_title_share_its_text() -> None:
    items = [Item(str(n), group, title, None, {}) for n, (group, title) in enumerate(
        [("red dress", "Red Dress"), ("red dress", "red-dress"), ("blue jeans", "Blue Jeans")])]  # fmt: skip
    source = Source("fashion", items, np.zeros((3, 80, 64, 3), np.uint8))
    assert hubs.all_texts([source, source]) == (["Red Dress", "Blue Jeans"], [0, 0, 1, 0, 0, 1])


def test_a_fresh_module_says_nothing() -> None:
    assert not Hubness(4)(units(2, 1), torch.zeros(2, 4)).any()
