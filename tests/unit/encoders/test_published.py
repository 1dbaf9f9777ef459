"""Published profiles against the plain transformers pipeline, on tiny random checkpoints."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_checkpoints import BUILDERS, SIDE, sentence  # noqa: E402
from transformers import (  # noqa: E402
    BertModel,
    BertTokenizer,
    ChineseCLIPModel,
    ClapFeatureExtractor,
    ClapModel,
    CLIPModel,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    SiglipModel,
)

from mmpipe.encoders import published, registry  # noqa: E402
from mmpipe.encoders.base import AudioClip, EncoderInput, Vectors, VideoFrames  # noqa: E402
from mmpipe.encoders.pooling import Pooling  # noqa: E402
from mmpipe.encoders.published import audio as published_audio  # noqa: E402
from mmpipe.encoders.published.images import PublishedImage  # noqa: E402
from mmpipe.encoders.published.pull import bring  # noqa: E402
from mmpipe.encoders.registry import LoadedEncoders  # noqa: E402
from mmpipe.errors import InvalidMedia, InvalidRequest, ModelUnavailable, ProfileMismatch  # noqa: E402
from mmpipe.settings import ModelSettings  # noqa: E402

TEXTS = ["red summer dress", "a", "blue running shoes of the dog", "红色连衣裙", "男士黑色跑鞋", ""]
IMAGE_PROFILES = ["siglip2", "clip", "chinese-clip"]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
CLASSES = {"siglip2": SiglipModel, "clip": CLIPModel, "chinese-clip": ChineseCLIPModel, "clap": ClapModel}
Load = Callable[..., LoadedEncoders]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files a repository would hold, by profile."""
    home = tmp_path_factory.mktemp("sources")
    for profile, build in BUILDERS.items():
        build(home / profile)
    sentence(home / "text:acme/mean", prompts={"query": "the dog ", "document": "a "})
    sentence(home / "text:acme/cls", pooling="cls", dense=False)
    sentence(home / "text:acme/max", pooling="max", dense=False)
    return {path.name: path for path in home.iterdir()} | {
        path.relative_to(home).as_posix(): path for path in home.glob("*/*") if path.is_dir()
    }


@pytest.fixture(scope="module")
def models(sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> ModelSettings:
    """All of them, pinned; float32 on the CPU, small batches."""
    settings = ModelSettings(
        dir=str(tmp_path_factory.mktemp("models")),
        device="cpu",
        dtype="float32",
        batch_items=3,
        batch_tokens=200,
        batch_pixels=2 * SIDE * SIDE,
    )
    for profile in (*BUILDERS, "text:acme/mean", "text:acme/cls", "text:acme/max"):
        bring(profile, settings, sources[profile])
    return settings


@pytest.fixture(scope="module")
def load(models: ModelSettings) -> Load:
    loaded: dict[str, LoadedEncoders] = {}

    def cached(profile: str) -> LoadedEncoders:
        if profile not in loaded:
            loaded[profile] = registry.load(profile, models=models)
        return loaded[profile]

    return cached


def unit(values: Any) -> Vectors:
    array = np.asarray(values, dtype=np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=-1, keepdims=True), dtype=np.float32)


def pictures() -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    rng = np.random.default_rng(0)
    shapes = [(40, 40), (70, 33), (33, 90), (20, 25), (64, 48)]
    # Low frequencies, as photos have: pure noise averages out alike.
    coarse = [rng.integers(0, 256, (4, 5, 3), dtype=np.uint8) for _ in shapes]
    sized = zip(coarse, shapes, strict=True)
    return [np.asarray(Image.fromarray(c).resize((w, h), Image.Resampling.BICUBIC)) for c, (h, w) in sized]


def plain_text(profile: str, folder: Path, texts: list[str]) -> Vectors:
    """What the model's own documentation does, one text at a time."""
    model = CLASSES[profile].from_pretrained(folder).eval()
    kinds = {
        "siglip2": PreTrainedTokenizerFast,
        "clip": CLIPTokenizer,
        "chinese-clip": BertTokenizer,
        "clap": RobertaTokenizer,
    }
    tokenizer = kinds[profile].from_pretrained(folder)
    length = {"siglip2": 64, "clip": 77, "chinese-clip": 52, "clap": 77}[profile]
    rows = []
    for text in texts:
        if profile == "siglip2":
            inputs = tokenizer(
                text.lower(), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
            )
        else:
            inputs = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode():
            rows.append(model.get_text_features(**inputs).pooler_output[0].numpy())
    return unit(rows)


def plain_image(profile: str, folder: Path, images: list[Any]) -> Vectors:
    """Resize, crop and normalise by Pillow and numpy, as the papers say."""
    model = CLASSES[profile].from_pretrained(folder).eval()
    rows = []
    for pixels in images:
        image = Image.fromarray(pixels)
        if profile == "clip":
            short = min(image.size)
            size = tuple(SIDE if edge == short else int(SIDE * edge / short) for edge in image.size)
            image = image.resize(size, Image.Resampling.BICUBIC)
            left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
            image = image.crop((left, top, left + SIDE, top + SIDE))
        else:
            how = Image.Resampling.BICUBIC if profile == "chinese-clip" else Image.Resampling.BILINEAR
            image = image.resize((SIDE, SIDE), how)
        mean, std = ([0.5] * 3, [0.5] * 3) if profile == "siglip2" else (CLIP_MEAN, CLIP_STD)
        values = (np.asarray(image, dtype=np.float32) / 255 - np.float32(mean)) / np.float32(std)
        with torch.inference_mode():
            batch = torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None]
            rows.append(model.get_image_features(pixel_values=batch).pooler_output[0].numpy())
    return unit(rows)


def tone(seconds: float, rate: int, frequency: float = 440.0) -> AudioClip:
    moments = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * frequency * moments) * np.exp(-moments)
    return AudioClip(wave.astype(np.float32), rate)


@pytest.mark.parametrize("profile", [*IMAGE_PROFILES, "clap"])
def test_texts_are_those_of_the_plain_pipeline(profile: str, load: Load, sources: dict[str, Path]) -> None:
    texts = [*TEXTS, "Red SUMMER dress", "the dog of " * 60]
    expected = plain_text(profile, sources[profile], texts)
    text = load(profile).encoders["text"]
    np.testing.assert_allclose(text.embed_documents(texts), expected, atol=1e-4)
    np.testing.assert_allclose(np.stack([text.embed_query(t) for t in texts]), expected, atol=1e-4)
    # Different texts do differ, or the comparison would say nothing.
    assert np.abs(expected[0] - expected[2]).max() > 0.01


@pytest.mark.parametrize("profile", IMAGE_PROFILES)
def test_pictures_are_those_of_the_plain_pipeline(profile: str, load: Load, sources: dict[str, Path]) -> None:
    images = pictures()
    expected = plain_image(profile, sources[profile], images)
    image = load(profile).encoders["image"]
    np.testing.assert_allclose(image.embed_documents(images), expected, atol=1e-4)
    np.testing.assert_allclose(image.embed_query(images[1]), expected[1], atol=1e-4)
    assert np.abs(expected[0] - expected[1]).max() > 0.01


@pytest.mark.parametrize("profile", IMAGE_PROFILES)
def test_a_clip_is_the_mean_of_its_frames(profile: str, load: Load) -> None:
    frames = pictures()
    encoders = load(profile).encoders
    clips: list[EncoderInput] = [
        VideoFrames(tuple(frames[:3]), (0.0, 1.0, 2.0)),
        VideoFrames(tuple(frames[3:4]), (0.5,)),
    ]
    vectors = encoders["image"].embed_documents(frames)
    expected = np.stack([unit(vectors[:3].mean(axis=0)), vectors[3]])
    np.testing.assert_allclose(encoders["video"].embed_documents(clips), expected, atol=1e-5)
    np.testing.assert_allclose(encoders["video"].embed_query(clips[0]), expected[0], atol=1e-5)


def test_a_profile_may_weigh_frames_by_attention_and_is_another_one_then(
    load: Load, models: ModelSettings
) -> None:
    by_mean, sharp = load("clip"), Pooling(50.0)
    profile, encoders = published.load(replace(published.PUBLISHED["clip"], pooling=sharp), models)
    frames = pictures()[:3]
    expected = unit(sharp.weights(vectors := encoders["image"].embed_documents(frames)) @ vectors)
    found = encoders["video"].embed_query(VideoFrames(tuple(frames), (0.0, 1.0, 2.0)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert profile.fingerprint != by_mean.profile.fingerprint
    same = [m for m in profile.encoders if profile.encoders[m] == by_mean.profile.encoders[m]]
    assert same == ["text", "image"]


def test_sounds_are_those_of_the_plain_pipeline(load: Load, sources: dict[str, Path]) -> None:
    clips = [tone(1.0, 48_000), tone(0.3, 48_000, 900.0), tone(0.77, 48_000, 2_000.0)]
    model = ClapModel.from_pretrained(sources["clap"]).eval()
    extractor = ClapFeatureExtractor.from_pretrained(sources["clap"])
    rows = []
    for clip in clips:
        inputs = extractor(clip.samples, sampling_rate=48_000, return_tensors="pt")
        with torch.inference_mode():
            rows.append(model.get_audio_features(**inputs).pooler_output[0].numpy())
    encoder = load("clap").encoders["audio"]
    np.testing.assert_allclose(encoder.embed_documents(clips), unit(rows), atol=1e-4)
    np.testing.assert_allclose(encoder.embed_query(clips[1]), unit(rows)[1], atol=1e-4)
    assert np.abs(rows[0] - rows[1]).max() > 0.01


def test_a_long_recording_is_heard_in_fixed_windows(load: Load) -> None:
    encoder = load("clap").encoders["audio"]
    rng = np.random.default_rng(1)
    samples = (rng.standard_normal(round(2.5 * 48_000)) * np.linspace(0, 0.3, 120_000)).astype(np.float32)
    clip = AudioClip(samples, 48_000)
    starts = (0, 36_000, 72_000)
    parts = encoder.embed_documents([AudioClip(samples[s : s + 48_000], 48_000) for s in starts])
    first, second = encoder.embed_query(clip), encoder.embed_query(clip)
    assert np.array_equal(first, second)
    np.testing.assert_allclose(first, unit(parts.mean(axis=0)), atol=1e-5)
    long = AudioClip(np.zeros(1_000_000, np.float32), 1_000)
    assert len(published_audio.windows(long, 1.0)) == published_audio.MAX_WINDOWS


def test_other_sample_rates_are_resampled(load: Load) -> None:
    encoder = load("clap").encoders["audio"]
    high, low = tone(0.9, 48_000), tone(0.9, 16_000)
    resampled = published_audio.resample(low.samples, 16_000, 48_000)
    assert abs(resampled.size - high.samples.size) < 100
    middle = slice(2_000, 40_000)
    assert np.corrcoef(resampled[middle], high.samples[middle])[0, 1] > 0.999
    assert encoder.embed_query(high) @ encoder.embed_query(low) > 0.98
    one = AudioClip(np.ones(1, np.float32), 47_999)
    assert np.isclose(np.linalg.norm(encoder.embed_query(one)), 1.0, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_sentence_vectors_are_those_of_their_definition(
    pooling: str, load: Load, sources: dict[str, Path]
) -> None:
    folder = sources[f"text:acme/{pooling}"]
    tokenizer, model = BertTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()

    def expected(text: str) -> Vectors:
        inputs = tokenizer(text, truncation=True, max_length=16, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state[0]
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0)}[pooling]
        if pooling == "mean":
            dense = load_file(folder / "2_Dense" / "model.safetensors")
            pooled = torch.tanh(dense["linear.weight"] @ pooled + dense["linear.bias"])
        return unit(pooled.numpy())

    text = load(f"text:acme/{pooling}").encoders["text"]
    document, query = ("a ", "the dog ") if pooling == "mean" else ("", "")
    texts = [*TEXTS, "red dress " * 30]
    np.testing.assert_allclose(
        text.embed_documents(texts), np.stack([expected(document + t) for t in texts]), atol=1e-4
    )
    np.testing.assert_allclose(text.embed_query("red dress"), expected(query + "red dress"), atol=1e-4)


@pytest.mark.parametrize("profile", [*BUILDERS, "text:acme/mean"])
def test_a_vector_does_not_depend_on_its_batch(profile: str, load: Load, models: ModelSettings) -> None:
    inputs: dict[str, list[EncoderInput]] = {
        "text": [*TEXTS, *TEXTS],
        "image": [*pictures()],
        "audio": [tone(s, 48_000, 300 * s) for s in (0.2, 0.5, 1.0, 2.1)],
        "video": [VideoFrames(tuple(pictures()[:n]), tuple(map(float, range(n)))) for n in (1, 4, 2)],
    }
    whole = models.model_copy(update={"batch_items": 64, "batch_tokens": 9_999, "batch_pixels": 9_999_999})
    together, apart = registry.load(profile, models=whole), load(profile)
    assert together.profile == apart.profile
    for modality, encoder in apart.encoders.items():
        items = inputs[modality]
        batched = together.encoders[modality].embed_documents(items)
        single = np.concatenate([encoder.embed_documents([item]) for item in items])
        assert batched.dtype == np.float32
        assert batched.shape == (len(items), apart.profile.dim)
        np.testing.assert_allclose(np.linalg.norm(batched, axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(batched, single, atol=1e-4)
        np.testing.assert_allclose(batched, encoder.embed_documents(items), atol=1e-4)
        assert encoder.embed_documents([]).shape == (0, apart.profile.dim)


def test_profiles_say_what_they_encode(load: Load) -> None:
    for profile in IMAGE_PROFILES:
        loaded = load(profile)
        assert set(loaded.encoders) == set(loaded.profile.encoders) == {"text", "image", "video"}
    # Sound lives in CLAP's own space: no profile mixes it with pictures.
    assert set(load("clap").encoders) == {"text", "audio"}
    assert set(load("text:acme/mean").encoders) == {"text"}
    assert load("siglip2").profile.dim == 32
    assert load("clip").profile.dim == 16
    assert load("text:acme/mean").profile.dim == 12


def test_loading_asks_no_network(models: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded through the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for profile in (*BUILDERS, "text:acme/cls"):
        registry.load(profile, models=models)


def test_the_fingerprint_names_repository_revision_and_bytes(
    load: Load, sources: dict[str, Path], tmp_path: Path
) -> None:
    first = load("clip").profile
    info = first.encoders["image"]
    assert info.id == "openai/clip-vit-base-patch32/image"
    assert info.revision.startswith("folder-")
    changed = Path(shutil.copytree(sources["clip"], tmp_path / "changed"))
    weights = load_file(changed / "model.safetensors")
    weights["visual_projection.weight"][0, 0] += 1
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    settings = ModelSettings(dir=str(tmp_path / "models"), device="cpu")
    bring("clip", settings, changed)
    assert registry.load("clip", models=settings).profile.fingerprint != first.fingerprint
    with pytest.raises(ProfileMismatch):
        registry.load_exactly(first, models=settings)


def test_bfloat16_is_near_float32(models: ModelSettings, load: Load) -> None:
    half = registry.load("siglip2", models=models.model_copy(update={"dtype": "bfloat16"}))
    # Precision is no part of the profile: vectors of both kinds may meet in one table.
    assert half.profile.fingerprint == load("siglip2").profile.fingerprint
    images = pictures()
    cosines = (
        half.encoders["image"].embed_documents(images)
        * load("siglip2").encoders["image"].embed_documents(images)
    ).sum(axis=1)
    assert cosines.min() > 0.99


def test_a_strip_is_cut_before_it_is_blown_up(models: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    image = registry.load("clip", models=models).encoders["image"]
    assert isinstance(image, PublishedImage)
    processor, seen = image._processor, []

    def spy(*, images: list[Image.Image], **options: Any) -> Any:
        seen.extend(picture.size for picture in images)
        return processor(images=images, **options)

    monkeypatch.setattr(image, "_processor", spy)
    strip = np.zeros((2, 8_000, 3), np.uint8)
    strip[:, 3_992:4_008] = 255
    for pixels in (strip, strip.transpose(1, 0, 2), np.zeros((1, 1, 3), np.uint8)):
        assert np.isclose(np.linalg.norm(image.embed_query(pixels)), 1.0, atol=1e-5)
    # Unbounded, the first would be resized to 32 × 128,000.
    assert seen == [(16, 2), (2, 16), (1, 1)]
    middle = image.embed_query(np.full((2, 16, 3), 255, np.uint8))
    np.testing.assert_allclose(image.embed_query(strip), middle, atol=1e-5)


def test_threads_share_an_encoder(load: Load) -> None:
    text = load("clip").encoders["text"]
    expected = text.embed_documents(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(text.embed_query, TEXTS * 5))
    np.testing.assert_allclose(np.stack(rows), np.concatenate([expected] * 5), atol=1e-4)


def test_wrong_inputs_are_named(load: Load) -> None:
    clip, clap = load("clip").encoders, load("clap").encoders
    with pytest.raises(InvalidRequest, match="text"):
        clip["text"].embed_documents([np.zeros((2, 2, 3), np.uint8)])
    with pytest.raises(InvalidMedia, match="uint8 RGB"):
        clip["image"].embed_query(np.zeros((2, 2, 4), np.uint8))
    with pytest.raises(InvalidMedia, match="at least one frame"):
        clip["video"].embed_query(VideoFrames((), ()))
    for samples in (np.zeros(0, np.float32), np.array([np.nan], np.float32)):
        with pytest.raises(InvalidMedia, match="audio"):
            clap["audio"].embed_query(AudioClip(samples, 48_000))


def _bring_changed(source: Path, tmp_path: Path, change: Callable[[Path], None]) -> ModelSettings:
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    change(copy)
    settings = ModelSettings(dir=str(tmp_path / "models"), device="cpu")
    bring("clip" if source.name == "clip" else "text:acme/cls", settings, copy)
    return settings


def test_weights_that_lack_a_tensor_are_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    def drop(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        del weights["text_projection.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    settings = _bring_changed(sources["clip"], tmp_path, drop)
    # transformers itself would go on with random numbers.
    with pytest.raises(ModelUnavailable, match=r"lack text_projection\.weight"):
        registry.load("clip", models=settings)


def test_another_architecture_is_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    settings = ModelSettings(dir=str(tmp_path), device="cpu")
    bring("clip", settings, sources["siglip2"])
    with pytest.raises(ModelUnavailable, match=r"needs a model of type clip; .* holds a siglip"):
        registry.load("clip", models=settings)


def test_a_siglip_tokenizer_that_ends_texts_otherwise_is_refused(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(sources["siglip2"], tmp_path / "copy"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        said = json.loads((copy / name).read_text())
        if name == "tokenizer.json":
            said["post_processor"] = None
        said.pop("add_eos_token", None)
        (copy / name).write_text(json.dumps(said))
    settings = ModelSettings(dir=str(tmp_path / "models"), device="cpu")
    bring("siglip2", settings, copy)
    with pytest.raises(ModelUnavailable, match="does not end texts with its end token"):
        registry.load("siglip2", models=settings)


def test_damaged_weights_that_were_pinned_so_are_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    settings = _bring_changed(
        sources["clip"],
        tmp_path,
        lambda folder: (folder / "model.safetensors").write_bytes(b"\x80junk") and None,
    )
    with pytest.raises(ModelUnavailable, match=r"profile 'clip': .* cannot be loaded"):
        registry.load("clip", models=settings)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("modules.json", [{"type": "acme.Own", "path": ""}], "is made of Own"),
        ("1_Pooling/config.json", {"pooling_mode_weightedmean_tokens": True}, "pools by weightedmean"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "include_prompt": False}, "its prompt"),
    ],
)
def test_sentence_models_of_other_kinds_are_refused(
    name: str, body: object, message: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    settings = _bring_changed(
        sources["text:acme/cls"],
        tmp_path,
        lambda folder: (folder / name).write_text(json.dumps(body)) and None,
    )
    with pytest.raises(ModelUnavailable, match=message):
        registry.load("text:acme/cls", models=settings)
