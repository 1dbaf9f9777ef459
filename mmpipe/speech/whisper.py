"""Whisper through transformers: many languages, from a checkpoint that ``mmpipe models pull`` pinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from mmpipe.encoders.base import AudioClip
from mmpipe.encoders.published.descriptions import RECIPE, RECOGNIZERS
from mmpipe.encoders.published.device import Placement, place
from mmpipe.encoders.published.loading import load_network
from mmpipe.encoders.published.lock import verified_folder
from mmpipe.encoders.resampling import resample
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.settings import ModelSettings
from mmpipe.speech.base import RecognizerInfo, SpeechRecognizer, Transcript

PROFILE = "whisper"
MAX_SECONDS = 300.0
# Below this root mean square (full scale is 1) a clip is silence.
_SILENCE = 1e-3
# A window is no speech where the model says so this surely and is unsure of its words: the thresholds of
# the published decoder (Radford et al., 2022, section 4.5).
_NO_SPEECH = 0.6
_UNSURE_LOG_PROBABILITY = -1.0
_MAX_TOKENS = 224
# What transformers raises for files it cannot make a model of.
_UNLOADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)


@dataclass(frozen=True, slots=True)
class _Window:
    """What one window of a clip gave: text, mean log probability a token, tokens, language."""

    text: str
    log_probability: float
    tokens: int
    language: str | None


class WhisperRecognizer:
    """Speech of any language the checkpoint knows, to text. Thread-safe: one batch at a time.

    A long clip is heard in windows of the checkpoint's length (30 s), one after another, decoded greedily.
    Words have no times.
    """

    def __init__(self, settings: ModelSettings, language: str | None = None) -> None:
        """Verify the checkpoint's files against the lock and load it onto the device.

        ``language`` (``zh``, ``en``, …) is expected in every clip; None finds it out window by window.
        Raises :class:`ModelUnavailable` for files that are missing, changed, of another architecture or not
        loadable, and :class:`InvalidRequest` for a language that the checkpoint does not know.
        """
        repo = RECOGNIZERS[PROFILE].repo
        folder, locked = verified_folder(settings, PROFILE, repo)
        self._placement = place(settings)
        try:
            self._model = _model(folder, self._placement)
            self._extractor, self._tokenizer = _processor(folder)
        except _UNLOADABLE as error:
            # The files are the locked ones, so they do not fit this release of transformers.
            raise ModelUnavailable(f"recogniser '{PROFILE}': {folder} cannot be loaded: {error}") from error
        self._languages = _languages(self._model.generation_config)
        known = tuple(sorted(self._languages)) or ("en",)
        if language is not None and language not in known:
            raise InvalidRequest(
                "language", f"'{language}' is not known to {repo}; known: {', '.join(known)}"
            )
        self._language = language
        self._info = RecognizerInfo(repo, f"{locked.revision}+{locked.digest[:16]}+{RECIPE}", known)
        self._rate = int(self._extractor.sampling_rate)
        self._length = int(self._extractor.n_samples)
        self._batch = max(
            1, min(settings.batch_items, int(settings.batch_seconds * self._rate / self._length))
        )
        self._lock = Lock()

    @property
    def info(self) -> RecognizerInfo:
        return self._info

    def adapted(self, texts: Sequence[str]) -> SpeechRecognizer:
        """Itself: the checkpoint's vocabulary is open."""
        return self

    def transcribe(self, clip: AudioClip) -> Transcript:
        """As :meth:`transcribe_all`, of one clip."""
        return self.transcribe_all([clip])[0]

    def transcribe_all(self, clips: Sequence[AudioClip]) -> list[Transcript]:
        """The first :data:`MAX_SECONDS` of each clip as text, in order; windows of several share a batch.

        ``confidence`` is the geometric mean of the tokens' probabilities. Silence, and what the model
        itself calls no speech, is an empty text. Raises :class:`ModelUnavailable` where one window alone
        does not fit into the device's memory.
        """
        cut = [self._windows(clip) for clip in clips]
        waves = [wave for parts in cut for wave in parts]
        heard: list[_Window] = []
        for start in range(0, len(waves), self._batch):
            heard += self._fitting(waves[start : start + self._batch])
        results: list[Transcript] = []
        place = 0
        for parts in cut:
            results.append(_joined(heard[place : place + len(parts)]))
            place += len(parts)
        return results

    def tokens(self, waves: Sequence[NDArray[np.float32]]) -> list[list[int]]:
        """Token ids heard in windows of up to 30 s at the checkpoint's rate, special tokens left out."""
        return [ids for ids, _, _, _ in self._decode(waves)]

    def _windows(self, clip: AudioClip) -> list[NDArray[np.float32]]:
        samples = np.asarray(clip.samples[: int(MAX_SECONDS * clip.sample_rate)], dtype=np.float32)
        if samples.size == 0 or not np.isfinite(samples).all() or _loudness(samples) < _SILENCE:
            return []
        wave = resample(samples, clip.sample_rate, self._rate)
        parts = [wave[start : start + self._length] for start in range(0, wave.size, self._length)]
        return [part for part in parts if _loudness(part) >= _SILENCE]

    def _fitting(self, waves: Sequence[NDArray[np.float32]]) -> list[_Window]:
        """The windows of a batch, halved for as long as the device runs out of memory."""
        try:
            return [self._window(*found) for found in self._decode(waves)]
        except torch.OutOfMemoryError as error:
            if len(waves) == 1:
                raise ModelUnavailable(
                    f"recogniser '{PROFILE}': one window does not fit into the GPU's memory;"
                    " set MMPIPE_MODELS__DEVICE=cpu or pull a smaller checkpoint"
                ) from error
        torch.cuda.empty_cache()
        half = len(waves) // 2
        return [*self._fitting(waves[:half]), *self._fitting(waves[half:])]

    def _window(self, ids: list[int], log: float, no_speech: float, language: str | None) -> _Window:
        if not ids or (no_speech > _NO_SPEECH and log < _UNSURE_LOG_PROBABILITY):
            return _Window("", 0.0, 0, language)
        return _Window(self._tokenizer.decode(ids, skip_special_tokens=True).strip(), log, len(ids), language)

    def _decode(
        self, waves: Sequence[NDArray[np.float32]]
    ) -> list[tuple[list[int], float, float, str | None]]:
        """Per window: tokens, mean log probability, probability of no speech, language."""
        features = self._extractor(list(waves), sampling_rate=self._rate, return_tensors="pt")
        inputs = features["input_features"].to(self._placement.device, self._placement.dtype)
        with self._lock, torch.inference_mode():
            encoded = self._model.model.encoder(inputs)
            silent, languages = self._first_step(encoded, len(waves))
            options: dict[str, Any] = {}
            if self._languages:
                options = {"language": languages, "task": "transcribe"}
            output = self._model.generate(
                encoder_outputs=encoded,
                do_sample=False,
                num_beams=1,
                return_timestamps=False,
                return_dict_in_generate=True,
                output_scores=True,
                **options,
            )
        logs = torch.stack([score.float().log_softmax(-1) for score in output.scores], dim=1).cpu()
        made = output.sequences[:, -logs.shape[1] :].cpu()
        special = set(self._tokenizer.all_special_ids)
        results: list[tuple[list[int], float, float, str | None]] = []
        for row, (ids, no_speech) in enumerate(zip(made.tolist(), silent, strict=True)):
            kept = [place for place, token in enumerate(ids) if token not in special]
            scores = [float(logs[row, place, ids[place]]) for place in kept]
            mean = float(np.mean(scores)) if scores else 0.0
            language = languages[row] if languages else "en"
            results.append(([ids[place] for place in kept], mean, no_speech, language))
        return results

    def _first_step(self, encoded: Any, count: int) -> tuple[list[float], list[str]]:
        """The probability of no speech and the language of each window, both read after the start token."""
        config = self._model.generation_config
        start = torch.full((count, 1), int(config.decoder_start_token_id), device=self._placement.device)
        logits: Tensor = self._model(encoder_outputs=encoded, decoder_input_ids=start).logits[:, 0].float()
        # The token before <|notimestamps|> is <|nospeech|> in every published vocabulary.
        silent = logits.softmax(-1)[:, int(config.no_timestamps_token_id) - 1].cpu().tolist()
        if self._language is not None and self._languages:
            return silent, [self._language] * count
        codes = sorted(self._languages)
        best = logits[:, [self._languages[code] for code in codes]].argmax(-1).tolist() if codes else []
        return silent, [codes[index] for index in best]


def _joined(windows: Sequence[_Window]) -> Transcript:
    spoken = [window for window in windows if window.text]
    if not spoken:
        return Transcript("", 0.0)
    tokens = sum(window.tokens for window in spoken)
    mean = sum(window.log_probability * window.tokens for window in spoken) / tokens
    # Chinese and Japanese set no spaces; between windows of other languages one is missing.
    joint = "" if spoken[0].language in ("zh", "ja", "yue") else " "
    text = joint.join(window.text for window in spoken)
    return Transcript(text, float(np.clip(np.exp(mean), 0.0, 1.0)), spoken[0].language)


def _loudness(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if samples.size else 0.0


def _languages(config: Any) -> dict[str, int]:
    """Language code to its token; empty for an English-only checkpoint."""
    codes = getattr(config, "lang_to_id", None)
    if not codes or not getattr(config, "is_multilingual", False):
        return {}
    return {token.strip("<|>"): int(number) for token, number in codes.items()}


def _model(folder: Path, placement: Placement) -> Any:
    from transformers import AutoConfig, WhisperForConditionalGeneration
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # Local, plain and safe: no repository code, no pickle, no network.
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if config.model_type != "whisper":
        raise ModelUnavailable(
            f"recogniser '{PROFILE}' needs a model of type whisper; {folder} holds a {config.model_type}"
        )
    if not (folder / "generation_config.json").is_file():
        raise ModelUnavailable(
            f"recogniser '{PROFILE}': {folder} lacks generation_config.json, which says how it is decoded"
        )
    model, report = load_network(WhisperForConditionalGeneration, folder, config=config)
    # transformers fills what the file lacks with random numbers; tied weights have one name here.
    parameters = {name for name, _ in model.named_parameters()}
    lacking = sorted(name for name in report["missing_keys"] if name in parameters)
    if lacking or report["mismatched_keys"]:
        shown = lacking or sorted(str(key) for key in report["mismatched_keys"])
        raise ModelUnavailable(f"recogniser '{PROFILE}': the weights in {folder} lack {', '.join(shown[:3])}")
    # One bound, on what is heard; the file's own counts the start tokens too.
    model.generation_config.max_length = None
    model.generation_config.max_new_tokens = min(_MAX_TOKENS, int(config.max_target_positions) // 2)
    return model.to(placement.device, placement.dtype).eval().requires_grad_(False)


def _processor(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return cast("Any", extractor), tokenizer
