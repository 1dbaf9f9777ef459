"""Quantising, folding and exporting towers; augmentation."""

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
from mmpipe.encoders.starter.weights import GLOSSARY, as_kept, dequantise, quantise  # noqa: E402
from mmpipe.learn.augment import augment  # noqa: E402
from mmpipe.learn.export import export_audio, export_image, export_text, finish  # noqa: E402

GLOSSARY_PATH = Path(package.__file__).parent / GLOSSARY


def test_quantising_is_within_half_a_step() -> None:
    torch.manual_seed(0)
    state = {"matrix": torch.randn(16, 3, 3, 3), "bias": torch.randn(16), "zero": torch.zeros(4, 5)}
    back = dequantise(quantise(state))
    step = state["matrix"].flatten(1).abs().amax(1) / 127
    assert ((back["matrix"] - state["matrix"]).flatten(1).abs() <= 0.51 * step[:, None] + 1e-6).all()
    torch.testing.assert_close(back["bias"], state["bias"], rtol=1e-3, atol=1e-3)
    assert (back["zero"] == 0).all()


@pytest.mark.parametrize(("tower", "shape"), [(ImageTower, (2, 3, 160, 128)), (AudioTower, (2, 1, 64, 400))])
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


def test_a_table_in_4_bits_is_within_half_a_step_and_read_as_it_is_trained() -> None:
    torch.manual_seed(0)
    state = {"table": torch.randn(16, 192), "matrix": torch.randn(4, 6)}
    packed = quantise(state, table="table")
    assert packed["table"].shape == (16, 96)
    back = dequantise(packed)
    step = state["table"].abs().amax(1) / 7
    assert ((back["table"] - state["table"]).abs() <= 0.51 * step[:, None]).all()
    torch.testing.assert_close(as_kept(state["table"]), back["table"])
    torch.testing.assert_close(dequantise(quantise(back, table="table"))["table"], back["table"])
    torch.testing.assert_close(back["matrix"], dequantise(quantise(state))["matrix"])
    table = state["table"].requires_grad_()
    as_kept(table).sum().backward()  # type: ignore[no-untyped-call]
    assert table.grad is not None
    assert (table.grad == 1).all()


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


def test_a_tower_of_two_eyes_loads_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(3)
    tower = ImageTower(norm=True, concepts=3, two_eyes=True).eval()
    export_image(tower.state_dict(), tmp_path)
    back = load_image(tmp_path / "image.safetensors").eval()
    pictures = torch.randn(2, 3, 160, 128)
    with torch.inference_mode():
        assert back.features(pictures).shape == (2, 1792)
        alike = torch.nn.functional.cosine_similarity(back(pictures), tower(pictures))
    assert float(alike.min()) > 0.995


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
