"""The embedded recogniser on real recordings where they are, and on what is no speech anywhere."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.evaluate import speech_eval
from mmpipe.settings import MediaSettings, ModelSettings
from mmpipe.speech import registry
from mmpipe.speech.fake import FakeRecognizer, clip_digest
from mmpipe.speech.sphinx import SphinxRecognizer

SPEECH = Path(__file__).parents[4] / "shared" / "data" / "speech"
MENU = ["dark roast", "light roast", "medium roast", "cappuccino", "mocha", "latte", "single shot", "large"]


@pytest.fixture(scope="module")
def recognizer() -> SphinxRecognizer:
    return SphinxRecognizer(MENU)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(16_000), np.full(8_000, np.nan), 1e-5 * np.ones(16_000)],
    ids=["nothing", "silence", "not numbers", "nearly silence"],
)
def test_no_speech_is_no_text(recognizer: SphinxRecognizer, samples: np.ndarray) -> None:
    transcript = recognizer.transcribe(AudioClip(samples.astype(np.float32), 16_000))
    assert (transcript.text, transcript.confidence) == ("", 0.0)


def test_the_revision_follows_the_vocabulary(recognizer: SphinxRecognizer) -> None:
    assert SphinxRecognizer(MENU).info == recognizer.info
    assert SphinxRecognizer([*MENU, "espresso"]).info.revision != recognizer.info.revision


@pytest.mark.data
def test_most_of_an_order_is_understood() -> None:
    if not SPEECH.is_dir():
        pytest.skip("needs the speech recordings of the development data")
    requests = speech_eval.read_labels(SPEECH / "labels.jsonl")
    loaded = registry.load("sphinx", ModelSettings())
    assert loaded is not None
    adapted = loaded.adapted(speech_eval.vocabulary_of(requests))
    figures = speech_eval.measure(adapted, requests[:8], SPEECH, MediaSettings())
    assert figures["slots"] >= 0.6
    assert figures["clips"] == 8


def test_values_are_heard_as_they_are_said() -> None:
    assert speech_eval.heard("16 ounce", "a sixteen ounces of latte")
    assert not speech_eval.heard("sixteen ounce", "sixteen lattes and an ounce")


def test_labels_are_checked(tmp_path: Path) -> None:
    bad = tmp_path / "labels.jsonl"
    bad.write_text('{"file": "a.wav", "slots": {"size": "large"}}\n{"file": 3}\n')
    with pytest.raises(InvalidRequest, match="line 2"):
        speech_eval.read_labels(bad)
    bad.write_text('{"file": "a.wav", "slots": {"size": "large"}}\n')
    with pytest.raises(InvalidRequest, match="not there"):
        speech_eval.measure(FakeRecognizer(), speech_eval.read_labels(bad), tmp_path, MediaSettings())


def test_vocabulary_files(tmp_path: Path) -> None:
    plain, rows = tmp_path / "menu.txt", tmp_path / "menu.jsonl"
    plain.write_text("large latte\n\n mocha \n")
    assert speech_eval.read_vocabulary(plain) == ["large latte", "mocha"]
    rows.write_text('{"title": "large latte"}\n"mocha"\n')
    assert speech_eval.read_vocabulary(rows) == ["large latte", "mocha"]
    rows.write_text('{"title": "large latte"}\n{"price": 3}\n')
    with pytest.raises(InvalidRequest, match="line 2"):
        speech_eval.read_vocabulary(rows)
    plain.write_text("\n")
    with pytest.raises(InvalidRequest, match="empty"):
        speech_eval.read_vocabulary(plain)


def test_the_command_counts_slots(tmp_path: Path) -> None:
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    (tmp_path / "a.wav").write_bytes(silence.getvalue())
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"file": "a.wav", "slots": {"size": "large", "drink": "latte"}}\n')
    asked = ["eval", "speech", "--clips", str(tmp_path), "--labels", str(labels)]
    answered = CliRunner().invoke(app, [*asked, "--recognizer", "fake", "--json"], catch_exceptions=False)
    assert answered.exit_code == 0, answered.output
    figures = json.loads(answered.stdout)
    assert set(figures) == {"clips", "clips_all_slots", "slots", "real_time_factor"}
    assert (figures["clips"], figures["clips_all_slots"], figures["slots"]) == (1, 0.0, 0.0)


def test_the_fake_hears_what_it_was_told() -> None:
    clip = AudioClip(np.ones(100, np.float32), 100)
    fake = FakeRecognizer({clip_digest(clip): "red shoe"})
    assert fake.transcribe(clip).text == "red shoe"
    assert fake.transcribe(AudioClip(np.zeros(3, np.float32), 100)).text == ""
    assert fake.calls == 2


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ModelUnavailable, match="sphinx"):
        registry.load("nobody", ModelSettings())
    assert registry.load("none", ModelSettings()) is None
