"""Whisper's loading, windows and decoding, on a tiny random checkpoint of the same architecture."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from mmpipe.encoders.base import AudioClip
from mmpipe.encoders.published.lock import read_lock
from mmpipe.encoders.published.pull import bring
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.settings import ModelSettings
from mmpipe.speech import registry
from mmpipe.speech.whisper import WhisperRecognizer

RATE = 16_000
SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip


def _checkpoint(folder: Path, *, multilingual: bool = True) -> None:
    vocab = {piece: i for i, piece in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab=vocab, merges=[], unk_token="!", bos_token="!", eos_token="!")
    tokenizer.add_special_tokens(
        {"additional_special_tokens": SPECIAL, "eos_token": SPECIAL[0], "pad_token": SPECIAL[0],
         "bos_token": SPECIAL[0], "unk_token": SPECIAL[0]}
    )  # fmt: skip
    number = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=16, d_model=32, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_source_positions=100, max_target_positions=24, pad_token_id=number["<|endoftext|>"],
        bos_token_id=number["<|endoftext|>"], eos_token_id=number["<|endoftext|>"],
        decoder_start_token_id=number["<|startoftranscript|>"],
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    model.generation_config = GenerationConfig(
        is_multilingual=True,
        lang_to_id={"<|en|>": number["<|en|>"], "<|zh|>": number["<|zh|>"]},
        task_to_id={"translate": number["<|translate|>"], "transcribe": number["<|transcribe|>"]},
        no_timestamps_token_id=number["<|notimestamps|>"],
        decoder_start_token_id=number["<|startoftranscript|>"],
        eos_token_id=number["<|endoftext|>"], pad_token_id=number["<|endoftext|>"],
        max_length=24, suppress_tokens=[], begin_suppress_tokens=[number["<|endoftext|>"]],
    )  # fmt: skip
    if not multilingual:
        model.generation_config.is_multilingual = False
        del model.generation_config.lang_to_id, model.generation_config.task_to_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # Windows of two seconds: 100 positions of the encoder at 20 ms.
    WhisperFeatureExtractor(feature_size=16, chunk_length=2).save_pretrained(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "whisper"
    _checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def settings(source: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSettings:
    found = ModelSettings(
        dir=str(tmp_path_factory.mktemp("models")), device="cpu", dtype="float32", batch_seconds=4
    )
    bring("whisper", found, source)
    return found


@pytest.fixture(scope="module")
def recognizer(settings: ModelSettings) -> WhisperRecognizer:
    return WhisperRecognizer(settings)


def _sound(seconds: float, seed: int, rate: int = RATE) -> AudioClip:
    wave = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate))
    return AudioClip(wave.astype(np.float32), rate)


def _plain(source: Path, waves: Sequence[np.ndarray], language: str) -> list[list[int]]:
    """Tokens as transformers alone makes them."""
    model: Any = WhisperForConditionalGeneration.from_pretrained(source).eval()
    tokenizer = WhisperTokenizer.from_pretrained(source)
    features = WhisperFeatureExtractor.from_pretrained(source)(
        list(waves), sampling_rate=RATE, return_tensors="pt"
    )
    with torch.inference_mode():
        made = model.generate(
            features["input_features"], language=language, task="transcribe", do_sample=False,
            num_beams=1, max_new_tokens=12,
        )  # fmt: skip
    special = set(tokenizer.all_special_ids)
    return [[token for token in row if token not in special] for row in made.tolist()]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tokens_are_those_of_plain_transformers(source: Path, settings: ModelSettings, language: str) -> None:
    waves = [_sound(seconds, seed).samples for seed, seconds in enumerate((2.0, 0.7, 1.3))]
    found = WhisperRecognizer(settings, language).tokens(waves)
    assert found == _plain(source, waves, language)
    assert all(found)


def test_clips_of_a_batch_are_heard_as_each_alone(recognizer: WhisperRecognizer) -> None:
    clips = [_sound(seconds, seed) for seed, seconds in enumerate((1.0, 5.0, 0.0, 3.0))]
    together = recognizer.transcribe_all(clips)
    alone = [recognizer.transcribe(clip) for clip in clips]
    assert [t.text for t in together] == [t.text for t in alone]
    assert [t.confidence for t in together] == pytest.approx([t.confidence for t in alone], abs=1e-4)
    assert all(0.0 <= t.confidence <= 1.0 for t in together)
    assert (together[2].text, together[2].confidence) == ("", 0.0)
    assert recognizer.transcribe_all([]) == []


def test_a_long_clip_is_heard_in_windows(recognizer: WhisperRecognizer, settings: ModelSettings) -> None:
    english = WhisperRecognizer(settings, "en")
    clip = _sound(4.0, 3)
    halves = [english.transcribe(AudioClip(part, RATE)).text for part in np.split(clip.samples, 2)]
    assert english.transcribe(clip).text == " ".join(text for text in halves if text)
    assert english.transcribe(clip).language == "en"
    assert recognizer.transcribe(clip).language in {"en", "zh", None}


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, np.nan), np.zeros(0)])
def test_silence_is_no_text(recognizer: WhisperRecognizer, samples: np.ndarray) -> None:
    transcript = recognizer.transcribe(AudioClip(samples.astype(np.float32), RATE))
    assert (transcript.text, transcript.confidence) == ("", 0.0)


def test_another_rate_is_resampled(recognizer: WhisperRecognizer) -> None:
    assert recognizer.transcribe(_sound(1.0, 9, 44_100)).confidence >= 0.0


def test_no_speech_by_the_models_own_word_is_no_text(recognizer: WhisperRecognizer) -> None:
    ids = recognizer.tokens([_sound(1.0, 0).samples])[0]
    assert recognizer._window(ids, -2.0, 0.9, "en").text == ""
    assert recognizer._window(ids, -0.5, 0.9, "en").text != ""
    assert recognizer._window(ids, -2.0, 0.1, "en").text != ""


def test_what_it_says_of_itself(recognizer: WhisperRecognizer, settings: ModelSettings) -> None:
    locked = read_lock(settings)[recognizer.info.id]
    assert recognizer.info.revision.startswith(locked.revision)
    assert recognizer.info.languages == ("en", "zh")
    assert recognizer.adapted(["red shoe"]) is recognizer
    with pytest.raises(InvalidRequest, match="language"):
        WhisperRecognizer(settings, "tlh")


def test_an_english_checkpoint_needs_no_language(tmp_path: Path) -> None:
    _checkpoint(tmp_path / "english", multilingual=False)
    here = ModelSettings(dir=str(tmp_path / "models"), device="cpu", dtype="float32")
    bring("whisper", here, tmp_path / "english")
    recognizer = WhisperRecognizer(here)
    assert recognizer.info.languages == ("en",)
    assert recognizer.tokens([_sound(1.0, 0).samples])[0]
    assert recognizer.transcribe(_sound(1.0, 0)).language in {"en", None}


def test_confidence_is_of_the_tokens_before_the_end(
    recognizer: WhisperRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips of one batch end after different numbers of tokens; what follows an end counts for nothing."""
    generate, end = recognizer._model.generate, recognizer._model.generation_config.eos_token_id
    first = len(recognizer.tokens([_sound(1.0, 0).samples])[0])
    ends_at = {0: 2, 1: 3}

    def ending(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        made, scores = ids.shape[1] - 4, scores.clone()
        for row in range(len(scores)):
            if made == ends_at[row]:
                scores[row, end] = 1e4
        return scores

    monkeypatch.setattr(
        recognizer._model, "generate",
        lambda **options: generate(**options, logits_processor=LogitsProcessorList([ending])),
    )  # fmt: skip
    heard = recognizer._decode([_sound(1.0, seed).samples for seed in (0, 1)])
    assert [len(ids) for ids, *_ in heard] == [2, 3]
    assert first > 2
    assert all(-20 < log < 0 for _, log, *_ in heard)


def test_the_registry_loads_it_or_says_what_to_run(settings: ModelSettings, tmp_path: Path) -> None:
    assert registry.load("whisper", settings) is not None
    with pytest.raises(ModelUnavailable, match="models pull whisper"):
        registry.load("whisper", ModelSettings(dir=str(tmp_path)))


def test_a_batch_too_large_for_memory_is_halved(
    settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = WhisperRecognizer(settings, "en")
    clips = [_sound(1.0, seed) for seed in range(2)]
    expected = [recognizer.transcribe(clip).text for clip in clips]
    decode, sizes = recognizer._decode, []

    def small(waves: Sequence[Any]) -> Any:
        sizes.append(len(waves))
        if len(waves) > 1:
            raise torch.OutOfMemoryError("full")
        return decode(waves)

    monkeypatch.setattr(recognizer, "_decode", small)
    assert [t.text for t in recognizer.transcribe_all(clips)] == expected
    assert sizes == [2, 1, 1]


def test_several_are_loaded_whole_at_once(settings: ModelSettings, recognizer: WhisperRecognizer) -> None:
    # Loaded beside one another, transformers leaves them without their tied weights.
    waves = [_sound(2.0, 3).samples]
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: WhisperRecognizer(settings), range(4)))
    assert [each.tokens(waves) for each in loaded] == [recognizer.tokens(waves)] * 4
