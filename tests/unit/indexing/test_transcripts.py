"""Products' recordings become text once: per content, and per revision of the recogniser."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mmpipe import media
from mmpipe.encoders import registry as encoders
from mmpipe.encoders.base import AudioClip
from mmpipe.errors import ModelUnavailable
from mmpipe.indexing import Indexer
from mmpipe.indexing.pipeline import speech as transcribe
from mmpipe.lake import open_lake
from mmpipe.settings import Settings, SpeechSettings
from mmpipe.speech import registry
from mmpipe.speech.base import RecognizerInfo
from mmpipe.speech.fake import FakeRecognizer, clip_digest
from tests.unit.indexing.bucket import Bucket
from tests.unit.indexing.conftest import Shop


class Revised(FakeRecognizer):
    """A fake whose revision can be changed."""

    revision = "1"

    @property
    def info(self) -> RecognizerInfo:
        return replace(super().info, revision=self.revision)


def wav(hertz: float) -> bytes:
    out = io.BytesIO()
    samples = np.sin(np.arange(4_000) * hertz * 2 * np.pi / 8_000) * 12_000
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.astype(np.int16).tobytes())
    return out.getvalue()


SPOKEN, OTHER, TONE = wav(300), wav(500), wav(900)


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Revised:
    def digest(data: bytes) -> str:
        clip = media.decode("audio", data, Settings().media, "audio_link")
        assert isinstance(clip, AudioClip)
        return clip_digest(clip)

    fake = Revised({digest(SPOKEN): "Handmade in Kyoto", digest(OTHER): "Woven by hand"})
    monkeypatch.setattr(registry, "load", lambda _name, _models: fake)
    return fake


@pytest.fixture
def talking(ear: Revised, settings: Settings) -> Iterator[Shop]:
    yield from _shop(settings)


def _shop(settings: Settings) -> Iterator[Shop]:
    bucket, lake, loaded = Bucket(), open_lake(settings), encoders.load("fake")
    indexer = Indexer(settings, lake, loaded, lambda _uri: bucket, maintain=False)
    yield Shop(bucket, indexer, settings, lake.collection("demo", create=True), loaded)
    indexer.close()


def _bowl(shop: Shop, clip: bytes = SPOKEN, price: str = "10 USD") -> None:
    shop.ok(shop.bucket.put("media/a.wav", clip))
    _product(shop, price)


def _product(shop: Shop, price: str) -> None:
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Bowl", price=price, audio_link="media/a.wav"))


def test_what_is_said_joins_the_full_text(talking: Shop, ear: Revised) -> None:
    _bowl(talking)
    row = talking.row("a")
    assert row["transcript"] == "Handmade in Kyoto"
    assert row["transcript_by"] == "fake@1"
    assert row["search_text"].split()[-3:] == ["handmade", "in", "kyoto"]
    assert ear.calls == 1


def test_a_price_change_transcribes_nothing(talking: Shop, ear: Revised) -> None:
    _bowl(talking)
    _product(talking, "8 USD")
    row = talking.row("a")
    assert ear.calls == 1
    assert row["price"] == 8.0
    assert row["transcript"] == "Handmade in Kyoto"
    assert "kyoto" in row["search_text"].split()


def test_a_replaced_recording_is_transcribed_anew(talking: Shop, ear: Revised) -> None:
    _bowl(talking)
    talking.bucket.tick()
    talking.ok(talking.bucket.put("media/a.wav", OTHER))
    row = talking.row("a")
    assert (row["transcript"], ear.calls) == ("Woven by hand", 2)
    assert "kyoto" not in row["search_text"].split()


def test_a_changed_recogniser_listens_again_and_encodes_nothing(talking: Shop, ear: Revised) -> None:
    _bowl(talking)
    talking.encoded()
    ear.revision = "2"
    ear.heard = dict.fromkeys(ear.heard, "Hand made in Kyoto")
    _product(talking, "8 USD")
    row = talking.row("a")
    assert (row["transcript"], row["transcript_by"], ear.calls) == ("Hand made in Kyoto", "fake@2", 2)
    assert talking.encoded() == {}


@pytest.mark.parametrize(("clip", "confidence"), [(TONE, 0.9), (SPOKEN, 0.1)])
def test_what_is_no_speech_gives_no_transcript_and_is_not_heard_twice(
    talking: Shop, ear: Revised, clip: bytes, confidence: float
) -> None:
    ear.confidence = confidence
    _bowl(talking, clip)
    _product(talking, "8 USD")
    row = talking.row("a")
    assert (row["transcript"], row["transcript_by"], ear.calls) == (None, "fake@1", 1)
    assert row["search_text"].split()[1] == "bowl"


def test_products_without_a_recording_load_no_recogniser(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: str, _models: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(registry, "load", refuse)
    for shop in _shop(settings):
        shop.ok(shop.bucket.put_product("a", title="Bowl"))
        assert shop.row("a")["transcript"] is None


def test_without_the_extra_products_are_indexed_and_the_log_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_name: str, _models: object) -> None:
        raise ModelUnavailable("needs pocketsphinx: pip install 'mmpipe[speech]'")

    monkeypatch.setattr(registry, "load", missing)
    said: list[str] = []
    monkeypatch.setattr(transcribe._log, "warning", lambda text, **_: said.append(text))
    for shop in _shop(settings):
        _bowl(shop)
        row = shop.row("a")
        assert row["audio_hash"]
        assert (row["transcript"], row["transcript_by"]) == (None, None)
    assert said == ["products' recordings are not transcribed"]


def test_transcribing_can_be_switched_off(settings: Settings) -> None:
    quiet = settings.model_copy(update={"speech": SpeechSettings(transcribe_products=False)})
    for shop in _shop(quiet):
        _bowl(shop)
        assert shop.row("a")["transcript"] is None
