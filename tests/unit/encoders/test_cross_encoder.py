"""Cross-encoders from files: what they say is what transformers says; what is not to be loaded is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoints
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mmpipe.encoders.published.cross_encoder import CrossEncoder
from mmpipe.encoders.published.pull import bring
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings

REPO = "shop/judge"
TEXTS = ["red summer dress", "a dog barking", "glass", "blue running shoes " * 30, ""]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    tiny_checkpoints.cross_encoder(folder)
    return folder


def test_scores_are_the_models_whatever_the_batches_are(checkpoint: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    expected = []
    for text in TEXTS:
        read = tokenizer(["red shoes"], [text], truncation=True, max_length=40, return_tensors="pt")
        with torch.inference_mode():
            expected.append(float(model(**read).logits[0, 0]))
    assert len({round(each, 3) for each in expected}) == len(TEXTS), "texts that the model tells apart"
    for items in (256, 2):
        settings = ModelSettings(device="cpu", dtype="float32", batch_items=items)
        found = CrossEncoder(str(checkpoint), settings).scores("red shoes", TEXTS)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert CrossEncoder(str(checkpoint), settings).scores("red shoes", []).shape == (0,)


def test_a_repository_is_loaded_as_it_was_pinned(checkpoint: Path, settings: ModelSettings) -> None:
    with pytest.raises(ModelUnavailable, match=f"mmpipe models pull rerank:{REPO}"):
        CrossEncoder(REPO, settings)
    pulled = bring(f"rerank:{REPO}", settings, checkpoint)
    one, other = (CrossEncoder(name, settings) for name in (REPO, str(checkpoint)))
    np.testing.assert_array_equal(one.scores("red", TEXTS), other.scores("red", TEXTS))
    with (pulled.folder / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelUnavailable, match=r"config\.json has another size"):
        CrossEncoder(REPO, settings)


def test_what_is_no_cross_encoder_is_refused(
    checkpoint: Path, settings: ModelSettings, tmp_path: Path
) -> None:
    tiny_checkpoints.cross_encoder(tmp_path / "two", labels=2)
    tiny_checkpoints.sentence(tmp_path / "sentence", dense=False)
    shutil.copytree(checkpoint, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    shutil.copytree(checkpoint, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"\x00" * 64)
    for name, reason in {
        str(tmp_path / "two"): "one score",
        str(tmp_path / "sentence"): "labels|lack",
        str(tmp_path / "pickled"): "pickle",
        str(tmp_path / "broken"): "cannot be loaded",
        str(tmp_path / "nowhere"): "no folder",
        "./nowhere": "no folder",
        "a/b/c": "neither",
        "a..b/..c": "neither",
    }.items():
        with pytest.raises(ModelUnavailable, match=reason):
            CrossEncoder(name, settings)
