"""What a request's parts are encoded to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.base import AudioClip, Encoder, EncoderInput, Reach, Vectors, VideoFrames
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import SearchRequest, Weights
from mmpipe.search import TextCache, encode
from mmpipe.search.asked import NOBODY
from mmpipe.search.columns.words import Word, plain
from mmpipe.search.find.need import Told
from mmpipe.search.find.pieces import MAX_WORDS
from mmpipe.search.find.question import Question
from mmpipe.search.find.words import Understood, understand
from mmpipe.settings import ServeSettings


@pytest.fixture(scope="module")
def loaded() -> LoadedEncoders:
    return registry.load("fake")


def test_text_and_picture_are_fused_by_the_requests_weights(loaded: LoadedEncoders) -> None:
    picture = np.full((4, 4, 3), 9, np.uint8)
    request = SearchRequest(text="red lamp", weights=Weights(text=3, image=1))
    query = encode(request, loaded, {"image": picture})
    text, image = query.modality_vectors["text"], query.modality_vectors["image"]
    expected = 3 * text + image
    assert query.vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert query.text_share == 0.75
    only = encode(SearchRequest(text="red lamp", weights=Weights(text=0)), loaded, {"image": picture})
    assert only.vector == pytest.approx(image)
    assert only.text_share == 0
    with pytest.raises(InvalidRequest, match="weights: at least one of text, image"):
        encode(SearchRequest(text="x", weights=Weights(text=0, image=0)), loaded, {"image": picture})
    imageless = LoadedEncoders(loaded.profile, {"text": loaded.encoders["text"]})
    with pytest.raises(InvalidRequest, match=r"image: .*cannot encode image"):
        encode(request, imageless, {"image": picture})
    assert encode(SearchRequest(), loaded, {}).asks_nothing


def test_different_media_are_different_queries(loaded: LoadedEncoders) -> None:
    clips = [AudioClip(np.full(8, value, np.float32), 16_000) for value in (0.1, 0.2)]
    frames = [VideoFrames((np.full((2, 2, 3), value, np.uint8),), (0.0,)) for value in (1, 2)]
    queries = [encode(SearchRequest(), loaded, {"audio": clip}) for clip in clips]
    queries += [encode(SearchRequest(), loaded, {"video": clip}) for clip in frames]
    queries += [encode(SearchRequest(text=text), loaded, {}) for text in ("a", "b")]
    assert len({query.identity for query in queries}) == len(queries)


def test_a_repeated_text_is_encoded_once() -> None:
    loaded = registry.load("fake")
    cache = TextCache(size=2)
    for text in ("a", "b", "a", "c", "b"):
        encode(SearchRequest(text=text), loaded, {}, cache)
    assert loaded.encoders["text"].queries == 4  # type: ignore[attr-defined]


class HalfKnown:
    """A text encoder that knows half of everything, counting its calls."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.info, self.calls = encoder, encoder.info, 0

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self.encoder.embed_documents(inputs)

    def embed_query(self, query: EncoderInput) -> Vectors:
        self.calls += 1
        return self.encoder.embed_query(query)

    def confidence(self, query: str) -> float:
        return 0.5


def test_half_known_words_lean_on_full_text() -> None:
    fake = registry.load("fake")
    text = HalfKnown(fake.encoders["text"])
    loaded = LoadedEncoders(fake.profile, {**fake.encoders, "text": text})
    cache = TextCache()
    request = SearchRequest(text="zorblax shoes")
    assert [encode(request, loaded, {}, cache).confidence for _ in range(2)] == [0.5, 0.5]
    assert text.calls == 1
    picture = np.zeros((4, 4, 3), np.uint8)
    assert encode(request, loaded, {"image": picture}).confidence == 1.0
    assert encode(request, fake, {}).confidence == 1.0


def unheard(text: str) -> Understood:
    """A text of words that no product holds."""
    going = understand(text, None, typos=False)
    next(going)
    with pytest.raises(StopIteration) as done:
        going.send(Told({}))
    understood: Understood = done.value.value
    return understood


def test_a_text_that_its_models_do_not_know_is_looked_for_by_words_alone(loaded: LoadedEncoders) -> None:
    request = SearchRequest(text="xqzvbn")
    query = replace(encode(request, loaded, {}), confidence=0.1)
    assert Question.of(request, query, ServeSettings(), NOBODY, unheard("xqzvbn")).vector is None
    known = replace(unheard("xqzvbn"), known=True)
    assert Question.of(request, query, ServeSettings(), NOBODY, known).vector is not None


def test_what_is_half_known_is_half_as_near(loaded: LoadedEncoders) -> None:
    request = SearchRequest(text="red lamp")
    query = replace(encode(request, loaded, {}), confidence=0.5, reach=Reach(0.4, 0.7, 0.75, 0.6, 0.05))
    known = replace(unheard("red lamp"), known=True)
    asked = Question.of(request, query, ServeSettings(), NOBODY, known)
    assert (asked.far, asked.near, asked.crowd) == (0.8, 1.4, 0.0)
    other = Question.of(request, query, ServeSettings(), NOBODY, unheard("red lamp"))
    assert (other.far, other.crowd) == (1.5, 0.1)
    free = Question.of(request, query, ServeSettings(nothing_found=False), NOBODY, known)
    assert (free.far, free.near) == (None, None)
    assert Question.of(request, replace(query, confidence=0.0), ServeSettings(), NOBODY, known).far is None


def test_a_question_has_each_word_once_and_of_too_many_the_longest(loaded: LoadedEncoders) -> None:
    settings = ServeSettings()

    def asked(text: str, **more: object) -> Question:
        request = SearchRequest(text=text, **more)  # type: ignore[arg-type]
        return Question.of(request, encode(request, loaded, {}), settings, NOBODY, unheard(text))

    few = asked("red shoe RED lamp red")
    assert dict(zip(few.words, few.times, strict=True)) == {
        plain("red"): 3,
        plain("shoe"): 1,
        plain("lamp"): 1,
    }
    assert few.words[0] == plain("red")
    words = [f"{'x' * (n % 9)}q{n}" for n in range(MAX_WORDS + 20)]
    many = asked(" ".join(words))
    assert len(many.words) == MAX_WORDS
    told = [word.text for word in many.words if isinstance(word, Word)]
    assert told == [word for word in words if word in told], "in the query's order"
    assert max(map(len, set(words) - set(told))) <= min(map(len, told))
    assert asked("!!!").words == ()


def test_a_text_of_no_weight_takes_no_part(loaded: LoadedEncoders) -> None:
    picture = np.full((4, 4, 3), 9, np.uint8)
    request = SearchRequest(text="red lamp", weights=Weights(text=0))
    by_picture = Question.of(
        request, encode(request, loaded, {"image": picture}), ServeSettings(), NOBODY, unheard("red lamp")
    )
    assert by_picture.words == ()
    assert by_picture.vector is not None
    request = SearchRequest(text="red lamp")
    by_text = Question.of(
        request, encode(request, loaded, {}), ServeSettings(vector_weight=0), NOBODY, unheard("red lamp")
    )
    assert by_text.vector is None
    assert by_text.words == (plain("red"), plain("lamp"))
