"""The second eye: maps are kept, a step of it trains, and both eyes become one tower."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.backbone import Backbone  # noqa: E402
from mmpipe.encoders.starter.glossary import load_glossary  # noqa: E402
from mmpipe.encoders.starter.loader import WEIGHTS as SHIPPED  # noqa: E402
from mmpipe.encoders.starter.loader import load_image, load_text  # noqa: E402
from mmpipe.encoders.starter.towers import Concepts, ImageTower  # noqa: E402
from mmpipe.learn.data import Item, Source  # noqa: E402
from training.batches import Shares  # noqa: E402
from training.data import on_canvas  # noqa: E402
from training.eye import Eye, EyeRecipe  # noqa: E402
from training.recipe import Recipe, Sources, Weights  # noqa: E402
from training.second_eye import both_eyes  # noqa: E402
from training.standing import Standing  # noqa: E402

TERMS = load_glossary().by_concept
TYPES = ("dresses", "jeans", "watches")


def make_source(name: str, count: int, photos: int = 0) -> Source:
    rng = np.random.default_rng(count)
    items = [
        Item(
            f"{name}{i}",
            f"{name}{i % 6}",
            f"Brand{i} {TYPES[i % 3]}",
            None,
            {"type": TERMS[f"type/{TYPES[i % 3]}"]},
        )
        for i in range(count)
    ]
    large = list(rng.integers(0, 255, (count, 160, 128, 3), dtype=np.uint8))
    return Source(
        name, items, np.zeros((count, 80, 64, 3), np.uint8), np.arange(count) >= count - photos, large
    )


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> EyeRecipe:
    sources = Sources(
        make_source("fashion", 12), make_source("grocery", 12, photos=6), make_source("sample", 6)
    )
    torch.manual_seed(0)
    standing = Standing(Backbone(norm=True), tmp_path_factory.mktemp("maps"))
    shares = Shares(6, 4, 2)
    towers = Recipe(sources, shares, Weights(), seed=5)
    return EyeRecipe(towers, standing, load_text(SHIPPED / "text.safetensors"), shares, seed=5)


def test_maps_are_the_standing_blocks_own_and_kept(tmp_path: Path) -> None:
    torch.manual_seed(1)
    backbone = Backbone(norm=True).eval()
    standing = Standing(backbone, tmp_path)
    source = make_source("fashion", 3)
    standing.settle([source])
    plain, moved = (standing.maps(source, view) for view in (0, 1))
    assert plain.shape == (3, 10, 8, 112)
    assert not np.array_equal(plain, moved)
    pictures = torch.from_numpy(on_canvas(source)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        wanted = backbone.blocks[:11](backbone.stem(pictures))
    found = standing.opened(np.array(plain))
    assert float(F.cosine_similarity(found.flatten(1), wanted.flatten(1)).min()) > 0.99
    again = Standing(Backbone(norm=True), tmp_path)  # other blocks: what is kept is not made anew
    again.settle([source])
    np.testing.assert_array_equal(again.maps(source, 1), moved)


def test_a_step_moves_the_eye_and_nothing_before_it(recipe: EyeRecipe) -> None:
    torch.manual_seed(2)
    eye = Eye(
        Backbone(norm=True), {"type": 3, "colour": 1, "gender": 1, "usage": 1, "season": 1, "pattern": 1}
    )
    loss, parts = recipe.loss(eye.train(), 0)
    loss.backward()
    assert np.isfinite(list(parts.values())).all()
    assert all(p.grad is not None for p in (*eye.blocks.parameters(), *eye.project.parameters()))
    first, second = recipe.prepare(3), recipe.prepare(3)
    np.testing.assert_array_equal(first.maps, second.maps)
    assert torch.equal(first.titles, second.titles)


def test_both_eyes_see_what_each_sees(tmp_path: Path) -> None:
    from mmpipe.learn.export import save_tower

    torch.manual_seed(3)
    names = F.normalize(torch.randn(3, 256), dim=1)
    trunk = ImageTower(norm=False).eval()
    trunk.concepts = Concepts(3)
    trunk.concepts.values.data = 0.25 * names[[2, 0, 1]]
    backbone = Backbone(norm=True).eval()
    eye = Eye(backbone, {"type": 3}).eval()
    state = both_eyes(trunk, backbone, eye, names, share=0.25)
    save_tower(state, tmp_path / "image.safetensors")
    tower = load_image(tmp_path / "image.safetensors").eval()
    pictures = torch.randn(2, 3, 160, 128)
    with torch.inference_mode():
        near = trunk.features(pictures)
        far = backbone(pictures).mean((2, 3))
        wanted = 0.75 * F.normalize(trunk.project(near), dim=1) + 0.25 * F.normalize(eye.project(far), dim=1)
        keys = 0.5 * trunk.concepts.keys(near)[:, [1, 2, 0]] + 0.5 * eye.heads["by_type"](far)
        wanted = F.normalize(wanted, dim=1) + torch.softmax(keys, 1) @ (0.25 * names)
        assert float(F.cosine_similarity(tower(pictures), wanted).min()) > 0.99
    with pytest.raises(ValueError, match="other article types"):
        both_eyes(trunk, backbone, eye, names[[0, 0, 1]])
