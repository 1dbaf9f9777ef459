"""Quantising, folding and exporting towers; augmentation; the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import mmpipe.encoders.starter as package  # noqa: E402
from mmpipe.encoders.starter import canonical  # noqa: E402
from mmpipe.encoders.starter.features import Vocabulary, feature_key  # noqa: E402
from mmpipe.encoders.starter.loader import load, load_image, load_text  # noqa: E402
from mmpipe.encoders.starter.towers import AudioTower, ImageTower, TextTower, fold_batch_norm  # noqa: E402
from mmpipe.encoders.starter.weights import GLOSSARY, dequantise, quantise  # noqa: E402
from mmpipe.learn import measures  # noqa: E402
from mmpipe.learn.augment import augment  # noqa: E402
from mmpipe.learn.export import export_audio, export_image, export_text, finish  # noqa: E402
from mmpipe.learn.model import StarterModel  # noqa: E402
from mmpipe.learn.soundbank import CAPTIONS, KINDS, disturb, synthesise  # noqa: E402

GLOSSARY_PATH = Path(package.__file__).parent / GLOSSARY


def test_quantising_is_within_half_a_step() -> None:
    torch.manual_seed(0)
    state = {"matrix": torch.randn(16, 3, 3, 3), "bias": torch.randn(16), "zero": torch.zeros(4, 5)}
    back = dequantise(quantise(state))
    step = state["matrix"].flatten(1).abs().amax(1) / 127
    assert ((back["matrix"] - state["matrix"]).flatten(1).abs() <= 0.51 * step[:, None] + 1e-6).all()
    torch.testing.assert_close(back["bias"], state["bias"], rtol=1e-3, atol=1e-3)
    assert (back["zero"] == 0).all()


@pytest.mark.parametrize(("tower", "shape"), [(ImageTower, (2, 3, 80, 64)), (AudioTower, (2, 1, 64, 400))])
def test_folding_changes_no_output(
    tower: type[ImageTower] | type[AudioTower], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(1)
    trained = tower(norm=True)
    batch = torch.randn(shape)
    trained.train()
    for _ in range(3):
        trained(batch)  # running statistics away from their start
    trained.eval()
    folded = tower(norm=False).eval()
    folded.load_state_dict(fold_batch_norm(trained.state_dict()))
    with torch.inference_mode():
        torch.testing.assert_close(folded(batch), trained(batch), rtol=1e-3, atol=1e-3)


def test_an_export_loads(tmp_path: Path) -> None:
    torch.manual_seed(2)
    vocabulary = Vocabulary([feature_key("w:red"), feature_key("w:dress")])
    export_text(TextTower(2).state_dict(), vocabulary, tmp_path, GLOSSARY_PATH)
    export_image(ImageTower(norm=True).state_dict(), tmp_path)
    export_audio(AudioTower(norm=True).state_dict(), tmp_path)
    assert 0 < finish(tmp_path, GLOSSARY_PATH, {"score": 0.5}) < 11_500_000
    loaded = load(folder=tmp_path)
    assert loaded.text.confidence("red dress") == 1.0
    assert loaded.image.embed_query(np.zeros((8, 8, 3), np.uint8)).shape == (256,)
    alone = load_text(tmp_path / "text.safetensors")
    np.testing.assert_array_equal(alone.embed_query("red"), loaded.text.embed_query("red"))
    assert canonical.read(tmp_path) == canonical.vectors(loaded)


def test_a_recognised_picture_moves_towards_its_types_name(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = StarterModel(Vocabulary([feature_key("w:shirt"), feature_key("w:shoe")]), {"type": 2}).eval()
    model.heads["by_type"].weight.data.zero_()
    names = model.encode_texts(["shirt", "shoe"]).detach()
    pictures = torch.randn(2, 3, 80, 64)

    def moved(bias: list[float]) -> torch.Tensor:
        model.heads["by_type"].bias.data = torch.tensor(bias)
        model.image.concepts = model.concepts(["shirt", "shoe"])
        export_image(model.image.state_dict(), tmp_path)
        with torch.no_grad():
            shipped = load_image(tmp_path / "image.safetensors").eval()(pictures)
            torch.testing.assert_close(shipped, model.image(pictures), rtol=0.05, atol=0.02)
            return shipped - model.encode_images(pictures)[0]

    apart = names[0] - names[1]
    undecided, shirt, shoe = (moved(bias) for bias in ([0.0, 0.0], [20.0, 0.0], [0.0, 20.0]))
    assert (shirt @ apart > 0.1).all()
    assert (shoe @ apart < -0.1).all()
    assert (undecided.norm(dim=1) < shirt.norm(dim=1)).all()


def test_augmentation_is_repeatable_and_keeps_colour() -> None:
    pixels = torch.zeros(6, 80, 64, 3, dtype=torch.uint8)
    pixels[..., 0] = 200
    strong = torch.tensor([False, True] * 3)

    def run(size: tuple[int, int] | None = None) -> torch.Tensor:
        return augment(pixels, strong, torch.Generator().manual_seed(3), size)

    first = run()
    assert first.shape == (6, 3, 80, 64)
    assert torch.equal(first, run())
    assert run((60, 48)).shape == (6, 3, 60, 48)
    assert (first[:, 0].mean((1, 2)) > first[:, 2].mean((1, 2)) + 0.5).all()


def test_every_kind_of_sound_is_different_each_time_and_named_in_both_languages() -> None:
    assert set(KINDS) == set(CAPTIONS)
    for kind in KINDS:
        one, two = (synthesise(kind, np.random.default_rng(seed), 1.0) for seed in (1, 2))
        assert one.shape == (16_000,)
        assert np.abs(one).max() == pytest.approx(1.0)
        assert not np.array_equal(one, two), kind
        assert np.isfinite(disturb(one, np.random.default_rng(3))).all()
        assert any(caption.isascii() for caption in CAPTIONS[kind])
        assert any(not caption.isascii() for caption in CAPTIONS[kind])


def embedders(texts: dict[str, list[float]]) -> measures.Embedders:
    def embed(batch: object) -> np.ndarray:
        return np.asarray([texts[text] for text in batch], dtype=np.float32)  # type: ignore[union-attr]

    return measures.Embedders(embed, lambda pixels: pixels.astype(np.float32))


def test_text_to_image_on_a_worked_example() -> None:
    documents = np.asarray([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    embed = embedders({"first": [1.0, 0.0], "second": [0.6, 0.8]})
    figures = measures.text_to_image(
        [("first", ["a"]), ("second", ["c", "gone"])], ["a", "b", "c"], documents, embed
    )
    assert figures == pytest.approx({"recall@1": 0.5, "recall@10": 1.0, "mrr": 0.75})


def test_categories_and_look_alikes_on_a_worked_example() -> None:
    documents = np.asarray([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 11, dtype=np.float32)
    labels = ["x"] * 5 + ["y"] * 5 + ["y"] * 11
    figures = measures.categories(labels, documents, embedders({"x": [1.0, 0.0], "y": [0.0, 1.0]}))
    assert figures["p@10"] == pytest.approx((0.5 + 1.0) / 2)
    assert measures.look_alikes(labels, documents, np.array([10])) == 1.0


def test_top_breaks_off_the_query_itself() -> None:
    documents = np.eye(3, dtype=np.float32)
    assert measures.top(documents, documents, 1, skip=np.arange(3))[:, 0].tolist() != [0, 1, 2]
