"""The shipped starter weights: contract, budget, tampering, and what the vectors mean."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mmpipe.encoders.base import AudioClip, Encoder, VideoFrames  # noqa: E402
from mmpipe.encoders.pooling import pool  # noqa: E402
from mmpipe.encoders.starter import canonical, load  # noqa: E402
from mmpipe.encoders.starter import loader as starter_loader  # noqa: E402
from mmpipe.encoders.starter.loader import WEIGHTS, LoadedStarter  # noqa: E402
from mmpipe.encoders.starter.towers import DIM  # noqa: E402
from mmpipe.errors import InvalidMedia, InvalidRequest, ModelUnavailable  # noqa: E402

BUDGET = 15_300_000  # with speech and reviews 16 MB


@pytest.fixture(scope="module")
def loaded() -> LoadedStarter:
    return load()


@pytest.fixture
def weights_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS, tmp_path / "weights"))


def cosine(loaded: LoadedStarter, left: str, right: str) -> float:
    return float(loaded.text.embed_query(left) @ loaded.text.embed_query(right))


def test_every_modality_gives_unit_vectors_of_the_profile(loaded: LoadedStarter) -> None:
    assert set(loaded.encoders) == {"text", "image", "audio", "video"} == set(loaded.profile.encoders)
    for modality, item in canonical.inputs().values():
        encoder = loaded.encoders[modality]
        assert isinstance(encoder, Encoder)
        assert encoder.info == loaded.profile.encoders[modality]
        assert encoder.info.dim == DIM == loaded.profile.dim
        batch = encoder.embed_documents([item, item])
        assert batch.shape == (2, DIM)
        assert batch.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1.0, atol=1e-5)
        query = encoder.embed_query(item)
        assert query.shape == (DIM,)
        assert float(query @ batch[0]) > 0.999


@pytest.mark.parametrize("modality", ["text", "image", "audio", "video"])
def test_an_empty_batch_gives_no_rows(loaded: LoadedStarter, modality: str) -> None:
    assert loaded.encoders[modality].embed_documents([]).shape == (0, DIM)  # type: ignore[index]


def test_the_same_batch_gives_the_same_numbers(loaded: LoadedStarter) -> None:
    pictures = [canonical.picture(90, 70, float(turn)) for turn in range(5)]
    np.testing.assert_array_equal(
        loaded.image.embed_documents(pictures), loaded.image.embed_documents(pictures)
    )


def test_canonical_vectors_are_what_they_were_at_export(loaded: LoadedStarter) -> None:
    written = canonical.read(WEIGHTS)
    now = canonical.vectors(loaded)
    assert written.keys() == now.keys()
    for name, numbers in written.items():
        # bfloat16 keeps three digits, and each CPU sums in its own order.
        np.testing.assert_allclose(now[name], numbers, atol=0.02, err_msg=name)


def test_weights_fit_the_budget() -> None:
    assert 0 < sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) <= BUDGET


def test_a_changed_byte_is_refused(weights_copy: Path) -> None:
    file = weights_copy / "image.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelUnavailable, match=r"image\.safetensors does not match"):
        starter_loader.load(folder=weights_copy)


def test_a_missing_file_is_named(weights_copy: Path) -> None:
    (weights_copy / "audio.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"audio\.safetensors is missing"):
        starter_loader.load(folder=weights_copy)


def test_a_stray_weight_file_is_refused(weights_copy: Path) -> None:
    (weights_copy / "extra.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnavailable, match=r"extra\.safetensors not in the manifest"):
        starter_loader.load(folder=weights_copy)


def test_a_damaged_manifest_is_refused(weights_copy: Path) -> None:
    (weights_copy / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="no readable manifest"):
        starter_loader.load(folder=weights_copy)


def test_towers_of_another_version_say_what_to_do(weights_copy: Path) -> None:
    from safetensors.torch import save_file

    from mmpipe.encoders.starter.weights import GLOSSARY, read_tensors, write_manifest

    tensors = read_tensors(weights_copy / "text.safetensors")
    del tensors["constant"]  # as towers had it before pictures told their hubness
    save_file(tensors, weights_copy / "text.safetensors")
    write_manifest(weights_copy, Path(starter_loader.__file__).parent / GLOSSARY, {})
    with pytest.raises(ModelUnavailable, match=r"(?s)other towers.*constant.*mmpipe train encoders"):
        starter_loader.load(folder=weights_copy)


def test_the_revision_is_the_weights_digest(loaded: LoadedStarter) -> None:
    from mmpipe.encoders.starter.weights import sha256_of

    for modality, info in loaded.profile.encoders.items():
        # A clip is frames through the image tower, pooled.
        file, pooling = ("image", "+attention-16") if modality == "video" else (modality, "")
        assert info.revision == sha256_of(WEIGHTS / f"{file}.safetensors")[:16] + pooling


@pytest.mark.parametrize(
    ("english", "chinese", "other"),
    [
        ("red dress", "红色连衣裙", "黑色手表"),
        ("men black running shoes", "男士黑色跑鞋", "女士白色衬衫"),
        ("blue jeans", "蓝色牛仔裤", "金色耳环"),
        ("handbag", "手提包", "香蕉"),
        ("banana", "香蕉", "牛奶"),
    ],
)
def test_chinese_and_english_agree(loaded: LoadedStarter, english: str, chinese: str, other: str) -> None:
    assert cosine(loaded, english, chinese) > 0.8
    assert cosine(loaded, english, chinese) > cosine(loaded, english, other) + 0.3


def test_confidence_tells_known_from_unknown(loaded: LoadedStarter) -> None:
    assert loaded.text.confidence("women red dress") > 0.95
    assert loaded.text.confidence("红色连衣裙") > 0.95
    assert loaded.text.confidence("xqzvj wfkpt") < 0.3
    half = loaded.text.confidence("red xqzvj")
    assert 0.3 < half < 0.8
    assert loaded.text.confidence("") == 0.0


def test_unknown_and_empty_text_still_gives_a_unit_vector(loaded: LoadedStarter) -> None:
    for text in ("", "   ", "😀", "xqzvj wfkpt", "\x00"):
        assert np.linalg.norm(loaded.text.embed_query(text)) == pytest.approx(1.0, abs=1e-5)


def test_numpy_text_path_computes_what_the_torch_tower_does(loaded: LoadedStarter) -> None:
    from mmpipe.encoders.starter.features import Vocabulary, pack
    from mmpipe.encoders.starter.towers import TextTower
    from mmpipe.encoders.starter.weights import dequantise, read_tensors

    packed = read_tensors(WEIGHTS / "text.safetensors")
    vocabulary = Vocabulary(packed.pop("keys").tolist())
    tower = TextTower(len(vocabulary))
    tower.load_state_dict(dequantise(packed))
    texts = ["women red dress", "男士黑色跑鞋", "", "Turtle Check Men Navy Blue Shirt . 衬衫"]
    with torch.inference_mode():
        expected = tower(*(torch.from_numpy(a) for a in pack(vocabulary, texts)))
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    np.testing.assert_allclose(loaded.text.embed_documents(texts), expected, atol=1e-5)


def test_video_is_its_frames_pooled_by_how_far_they_agree(loaded: LoadedStarter) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 64, 3), dtype=np.uint8)
    frames = (canonical.picture(80, 64, 0.0), noise, canonical.picture(80, 64, 0.1))
    vectors = loaded.image.embed_documents(list(frames))
    clip = loaded.video.embed_query(VideoFrames(frames, (0.0, 1.0, 2.0)))
    np.testing.assert_allclose(clip, pool([vectors], DIM, starter_loader.POOLING)[0], atol=1e-5)
    shown, passing = float(clip @ vectors[0]), float(clip @ vectors[1])
    mean = pool([vectors], DIM)[0]
    assert shown - passing > float(mean @ vectors[0]) - float(mean @ vectors[1]) + 0.02


def test_sample_rate_does_not_matter_much(loaded: LoadedStarter) -> None:
    time = {rate: np.arange(2 * rate) / rate for rate in (16_000, 44_100)}
    clips = [
        AudioClip((np.sin(2 * np.pi * 500 * t) * np.exp(-2 * t)).astype(np.float32), rate)
        for rate, t in time.items()
    ]
    low, high = loaded.audio.embed_documents(clips)
    assert float(low @ high) > 0.9


@pytest.mark.parametrize(
    ("modality", "item", "error"),
    [
        ("text", np.zeros((4, 4, 3), np.uint8), InvalidRequest),
        ("image", "a path", InvalidMedia),
        ("image", np.zeros((4, 4), np.uint8), InvalidMedia),
        ("image", np.zeros((4, 4, 3), np.float32), InvalidMedia),
        ("image", np.zeros((0, 4, 3), np.uint8), InvalidMedia),
        ("audio", "a path", InvalidMedia),
        ("audio", AudioClip(np.zeros(0, np.float32), 16_000), InvalidMedia),
        ("audio", AudioClip(np.array([np.nan], np.float32), 16_000), InvalidMedia),
        ("video", VideoFrames((), ()), InvalidMedia),
    ],
)
def test_wrong_input_is_a_clear_error(
    loaded: LoadedStarter, modality: str, item: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"need|samples hold"):
        loaded.encoders[modality].embed_documents([item])  # type: ignore[index,list-item]
