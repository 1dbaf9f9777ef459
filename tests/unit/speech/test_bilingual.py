"""Which language a clip is in, and who hears it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmpipe import media
from mmpipe.encoders.base import AudioClip
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import MediaSettings
from mmpipe.speech import bilingual
from mmpipe.speech.bilingual import BilingualRecognizer
from mmpipe.speech.mandarin import weights
from mmpipe.speech.mandarin.recognizer import Heard, MandarinWords, listen
from tests.unit.speech.test_mandarin_decoder import sounding, spoken

CLIPS = Path(__file__).parent / "clips"
RATE = 16_000


@pytest.fixture(scope="module")
def recognizer() -> BilingualRecognizer:
    return BilingualRecognizer(["red dress", "dark roast", "红色连衣裙", "白色运动鞋"])


def clip(name: str) -> AudioClip:
    found = media.decode("audio", (CLIPS / name).read_bytes(), MediaSettings(), "audio")
    assert isinstance(found, AudioClip)
    return found


def test_a_chinese_query_is_heard_in_chinese(recognizer: BilingualRecognizer) -> None:
    heard = recognizer.transcribe(clip("chinese.flac"))
    assert heard.language == "zh"
    assert "连衣裙" in heard.text
    assert 0 < heard.confidence <= 1


def test_an_english_query_is_heard_in_english(recognizer: BilingualRecognizer) -> None:
    assert recognizer.transcribe(clip("english.flac")).language == "en"


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(RATE), np.full(8_000, np.nan), np.sin(np.arange(RATE) * 0.2), np.ones(3)],
    ids=["nothing", "silence", "not numbers", "a tone", "a moment"],
)
def test_what_is_no_speech_is_no_chinese(
    recognizer: BilingualRecognizer, samples: NDArray[np.float64]
) -> None:
    assert recognizer.transcribe(AudioClip(samples.astype(np.float32), RATE)).language == "en"


def test_chinese_of_which_nothing_is_known_has_no_text() -> None:
    unknown = Heard(sounding(spoken("kuang nve cuan"), np.random.default_rng(1)), mandarin=True)
    heard = MandarinWords(["红色连衣裙"]).understand(unknown)
    assert (heard.text, heard.language) == ("", "zh")


def test_the_language_decides_who_hears(
    recognizer: BilingualRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Heard(sounding(spoken("bai se yun dong xie"), np.random.default_rng(1)), mandarin=True)
    monkeypatch.setattr(bilingual, "listen", lambda _samples: said)
    assert recognizer.transcribe(clip("english.flac")).text == "白色运动鞋"


def test_the_revision_follows_vocabulary_and_weights(recognizer: BilingualRecognizer) -> None:
    assert weights.revision()[:12] in recognizer.info.revision
    assert BilingualRecognizer(["blue dress"]).info.revision != recognizer.info.revision


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, digest = tmp_path / "weights.safetensors", tmp_path / "weights.sha256"
    shutil.copy(weights.FILE, file)
    digest.write_text(weights.revision())
    with file.open("r+b") as changed:
        changed.seek(-1, 2)
        changed.write(b"\x55")
    monkeypatch.setattr(weights, "FILE", file)
    monkeypatch.setattr(weights, "DIGEST", digest)
    weights.load.cache_clear()
    with pytest.raises(ModelUnavailable, match="was changed"):
        weights.load()
    digest.unlink()
    with pytest.raises(ModelUnavailable, match="reinstall"):
        weights.revision()


def test_a_clip_of_any_length_is_heard() -> None:
    weights.load.cache_clear()
    for count in (1, 399, 400, 16_000, 80_000):
        samples = np.random.default_rng(count).normal(0, 0.1, count).astype(np.float32)
        assert listen(samples).logs.shape[1] > 0
