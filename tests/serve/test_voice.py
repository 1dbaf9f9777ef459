"""Spoken queries over HTTP: heard, shown, paged, corrected, or taken for a sound."""

from __future__ import annotations

import base64
import gc
import io
import threading
import wave
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from mmpipe import media
from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidRequest, ModelUnavailable, NotReady
from mmpipe.schemas.search import SearchRequest
from mmpipe.search.page import cursor
from mmpipe.serve.answer import voice as voice_module
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.answer.voice import REST_SECONDS, Voice
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import Settings, SpeechSettings
from mmpipe.speech import registry
from mmpipe.speech.base import Transcript
from mmpipe.speech.fake import FakeRecognizer, clip_digest
from tests.serve.conftest import make_service


def wav(hertz: float) -> bytes:
    out = io.BytesIO()
    samples = np.sin(np.arange(4_000) * hertz * 2 * np.pi / 8_000) * 12_000
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.astype(np.int16).tobytes())
    return out.getvalue()


RED_SHOE, FOREIGN, TONE = wav(300), wav(500), wav(900)


def _digest(data: bytes) -> str:
    clip = media.decode("audio", data, Settings().media, "audio")
    assert isinstance(clip, AudioClip)
    return clip_digest(clip)


class Listening(FakeRecognizer):
    """A fake that tells which threads listened, and when it was adapted."""

    def __init__(self) -> None:
        super().__init__({_digest(RED_SHOE): "a red shoe please", _digest(FOREIGN): "the zzyzx of quux"})
        self.threads: list[str] = []
        self.ready = threading.Event()

    def transcribe(self, clip: AudioClip) -> Transcript:
        self.threads.append(threading.current_thread().name)
        return super().transcribe(clip)

    def adapted(self, texts: Sequence[str]) -> FakeRecognizer:
        super().adapted(texts)
        self.ready.set()
        return self


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Listening:
    fake = Listening()
    monkeypatch.setattr(registry, "load", lambda _name, _models: fake)
    return fake


@pytest.fixture
def service(shop: tuple[Path, Settings], ear: Listening) -> Iterator[QueryService]:
    service = make_service(shop[1])
    service.voice.adapt()
    yield service
    service.close()


@pytest.fixture
def voice(service: QueryService) -> TestClient:
    app = create_app(service, Metrics("test"))
    return TestClient(app, raise_server_exceptions=False)


def _ask(client: TestClient, clip: bytes, **fields: Any) -> dict[str, Any]:
    body = {"audio": {"data": base64.b64encode(clip).decode()}, **fields}
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def _refused(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 422, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def _ids(page: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in page["hits"]]


def test_a_spoken_query_is_the_typed_one_and_shows_what_was_heard(voice: TestClient, ear: Listening) -> None:
    page = _ask(voice, RED_SHOE)
    assert page["heard"]["text"] == "a red shoe please"
    assert page["heard"]["confidence"] == 0.9
    assert page["heard"]["language"] == "en"
    assert page["heard"]["words"][1] == {"word": "red", "start": 0.25, "end": 0.5}
    typed = voice.post("/v1/search", json={"text": "a red shoe please"}).json()
    assert _ids(page) == _ids(typed)
    assert typed["heard"] is None
    assert ear.threads
    assert all(name.startswith("query-voice") for name in ear.threads)


def test_words_are_added_to_a_given_text(voice: TestClient) -> None:
    page = _ask(voice, RED_SHOE, text="orbit")
    typed = voice.post("/v1/search", json={"text": "orbit a red shoe please"}).json()
    assert _ids(page) == _ids(typed)


def test_pages_of_a_spoken_query_listen_once_and_repeat_nothing(voice: TestClient, ear: Listening) -> None:
    seen: list[str] = []
    page = _ask(voice, RED_SHOE, limit=7)
    while page["next_cursor"] is not None:
        seen += _ids(page)
        # Whoever listened now would understand something else.
        ear.heard = {}
        page = _ask(voice, RED_SHOE, limit=7, cursor=page["next_cursor"])
        assert page["heard"]["text"] == "a red shoe please"
    seen += _ids(page)
    assert len(seen) == len(set(seen)) == page["total"]
    assert ear.calls == 1


def test_a_cursor_belongs_to_its_recording_and_its_words(voice: TestClient) -> None:
    first = _ask(voice, RED_SHOE, limit=7)["next_cursor"]
    other = {"audio": {"data": base64.b64encode(TONE).decode()}, "limit": 7, "cursor": first}
    assert _refused(voice, other)["field"] == "cursor"
    forged = cursor.decode(first).model_copy(update={"heard": ("a blue hat", 0.9, "en")}).encode()
    own = {"audio": {"data": base64.b64encode(RED_SHOE).decode()}, "limit": 7, "cursor": forged}
    assert _refused(voice, own)["field"] == "cursor"


@pytest.mark.parametrize("clip", [TONE, FOREIGN])
def test_without_words_of_the_catalogue_it_is_a_sound(voice: TestClient, clip: bytes) -> None:
    page = _ask(voice, clip, limit=5)
    assert page["heard"] is None
    sound = _ask(voice, clip, limit=5, audio_as="sound")
    assert _ids(page) == _ids(sound)
    if page["next_cursor"] is not None:
        assert _ask(voice, clip, limit=5, cursor=page["next_cursor"])["heard"] is None


def test_an_unsure_recogniser_is_believed_only_when_asked_to(voice: TestClient, ear: Listening) -> None:
    ear.confidence = 0.1
    assert _ask(voice, RED_SHOE)["heard"] is None
    assert _ask(voice, RED_SHOE, audio_as="speech")["heard"]["confidence"] == 0.1


def test_a_sound_is_never_listened_to(voice: TestClient, ear: Listening) -> None:
    assert _ask(voice, RED_SHOE, audio_as="sound")["heard"] is None
    assert ear.calls == 0


def test_speech_without_words_is_refused_with_the_remedy(voice: TestClient) -> None:
    asked = {"audio": {"data": base64.b64encode(TONE).decode()}, "audio_as": "speech"}
    problem = _refused(voice, asked)
    assert problem["field"] == "audio"
    assert "send the words as text" in problem["detail"]
    assert _refused(voice, {"text": "red", "audio_as": "speech"})["field"] == "audio"


def test_an_uploaded_recording_is_heard(voice: TestClient) -> None:
    answer = voice.post(
        "/v1/search", data={"audio_as": "speech"}, files={"audio": ("q.wav", RED_SHOE, "audio/wav")}
    )
    assert answer.json()["heard"]["text"] == "a red shoe please"


def test_the_recogniser_learns_the_live_catalogue(voice: TestClient, ear: Listening) -> None:
    assert ear.ready.wait(60)
    assert {"Acme", "Clothing   Shoes", "rubber", "red"} <= set(ear.texts)
    assert "Red shoe model 3" in ear.texts
    assert ear.texts.index("Acme") < ear.texts.index("Red shoe model 3")


def test_before_the_first_recogniser_is_ready_recordings_are_sounds(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Listening):
        def adapted(self, texts: Sequence[str]) -> FakeRecognizer:
            begun.set()
            assert go_on.wait(60)
            return super().adapted(texts)

    monkeypatch.setattr(registry, "load", lambda _name, _models: Slow())
    service = make_service(shop[1])
    service.voice.start()
    try:
        assert begun.wait(60)
        client = TestClient(create_app(service, Metrics("test")))
        assert _ask(client, RED_SHOE)["heard"] is None
        body = {"audio": {"data": base64.b64encode(RED_SHOE).decode()}, "audio_as": "speech"}
        assert client.post("/v1/search", json=body).status_code == 503
    finally:
        go_on.set()
        service.close()


def test_recognisers_are_given_back_at_the_end(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(Listening):
        def adapted(self, texts: Sequence[str]) -> FakeRecognizer:
            made = FakeRecognizer()
            alive.append(weakref.ref(made))
            return made

    alive: list[weakref.ref[FakeRecognizer]] = []
    monkeypatch.setattr(registry, "load", lambda _name, _models: Forgetful())
    service = make_service(shop[1])
    service.voice.adapt()
    gc.collect()
    assert [ref() is None for ref in alive] == [False]
    service.close()
    gc.collect()
    assert [ref() is None for ref in alive] == [True]


def test_the_same_words_are_not_learned_twice(service: QueryService, ear: Listening) -> None:
    assert ear.ready.wait(60)
    service.voice.adapt()
    ear.ready.clear()
    service.voice.adapt()
    assert not ear.ready.is_set()


class Crowd:
    """Many collections whose recognisers are counted: ``made`` in order, ``alive`` while they are held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: str, most: int) -> None:
        self.made: list[str] = []
        self.alive: weakref.WeakSet[FakeRecognizer] = weakref.WeakSet()
        self.live = [SimpleNamespace(collection=name, label=f"{name}@1") for name in names]
        self.now = 1_000.0
        crowd = self

        class Counted(FakeRecognizer):
            def adapted(self, texts: Sequence[str]) -> FakeRecognizer:
                assert len(crowd.alive) < most, "one is made while all others are held"
                made = FakeRecognizer()
                crowd.made.append(texts[0])
                crowd.alive.add(made)
                return made

        monkeypatch.setattr(registry, "load", lambda _name, _models: Counted())
        monkeypatch.setattr(voice_module, "catalogue_texts", lambda version, _most: [version.collection])
        monkeypatch.setattr(voice_module.time, "monotonic", lambda: self.now)
        self.voice = Voice(Settings(speech=SpeechSettings(max_recognizers=most)), lambda: list(self.live))  # type: ignore[arg-type]

    def ask(self, name: str) -> bool:
        """A recording of a collection; whether somebody could listen."""
        self.now += 1.0
        (version,) = [each for each in self.live if each.collection == name]
        clip = AudioClip(np.zeros(8_000, np.float32), 8_000)
        request = SearchRequest(audio_as="speech")
        try:
            self.voice.understand(version, request, {"audio": clip})  # type: ignore[arg-type]
        except InvalidRequest:
            return True  # heard nothing
        except NotReady:
            return False
        raise AssertionError("the fake hears nothing")


def test_no_number_of_collections_takes_more_recognisers_than_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd(monkeypatch, "abcdefgh", most=2)
    crowd.voice.adapt()
    assert crowd.made == ["a", "b"]
    assert not crowd.ask("h")
    crowd.voice.adapt()
    assert crowd.made == ["a", "b"], "each stays for a while, or collections in turn would have all made anew"
    crowd.now += REST_SECONDS
    assert crowd.ask("a")
    crowd.voice.adapt()
    assert crowd.made == ["a", "b", "h"]
    assert [crowd.ask(name) for name in "ah"] == [True, True]
    assert not crowd.ask("b")
    for _ in range(3):
        for name in "abcdefgh":
            crowd.ask(name)
            crowd.now += REST_SECONDS
            crowd.voice.adapt()
            gc.collect()
            assert len(crowd.alive) == 2
            assert crowd.ask(name)


def test_a_collection_that_goes_takes_its_recogniser_along(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, "abc", most=2)
    crowd.voice.adapt()
    del crowd.live[0]
    crowd.voice.adapt()
    assert crowd.made == ["a", "b", "c"]
    assert [crowd.ask(name) for name in "bc"] == [True, True]


def test_who_asks_first_at_the_same_time_has_one_made(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, "ab", most=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: crowd.voice.adapt("b"), range(8)))
    assert crowd.made == ["b", "a"]


def test_without_a_recogniser_recordings_are_sounds_and_the_log_says_why(
    shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_name: str, _models: object) -> None:
        raise ModelUnavailable("needs pocketsphinx: pip install 'mmpipe[speech]'")

    monkeypatch.setattr(registry, "load", missing)
    said: list[str] = []
    monkeypatch.setattr(voice_module._log, "warning", lambda text, **_: said.append(text))
    service = make_service(shop[1])
    service.voice.adapt()
    try:
        client = TestClient(create_app(service, Metrics("test")))
        assert _ask(client, RED_SHOE)["heard"] is None
        asked = {"audio": {"data": base64.b64encode(RED_SHOE).decode()}, "audio_as": "speech"}
        assert "mmpipe[speech]" in _refused(client, asked)["detail"]
    finally:
        service.close()
    assert said.count("spoken queries are not understood") == 1
