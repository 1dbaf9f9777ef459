"""A request's query parts to vectors, by the models that encoded the table."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.base import (
    AudioClip,
    EncoderInput,
    KnowsItsReach,
    KnowsItsWords,
    Modality,
    Reach,
    VideoFrames,
)
from mmpipe.errors import InvalidRequest
from mmpipe.fusion import load as load_fusion
from mmpipe.schemas.search import Weights
from mmpipe.search.find.aim import like_weight
from mmpipe.search.find.stated import state

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.encoders.base import FusionInfo, Profile, Vectors
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.schemas.conditions import Condition
    from mmpipe.schemas.search import Heard, SearchRequest
    from mmpipe.search.find.aim import Aims


@dataclass(frozen=True)
class EncodedQuery:
    """What the searcher searches with.

    ``vector`` is the fused query, float32 ``(dim,)`` of unit length, or None where no part has an encoder;
    ``modality_vectors`` are its parts, ``modality_weights`` what the request gives each. ``confidence`` in
    [0, 1] says how far the vector is to be trusted (a text of words the encoder never saw: 0): it scales the
    vector list's weight against full text. ``text_share`` is the text's part of the request's weights: it
    scales the full-text list. ``identity``
    differs between different queries. ``reach`` is what cosines mean to this query, for a text by itself
    whose encoder can tell. ``heard`` is what a spoken query was understood as, part of ``text``. ``away`` is
    what is not wanted, fused as ``vector`` is, of unit length, ``away_alone`` the same among vectors of
    single modalities, and ``like_weight`` what products weigh that the request is to be like; they take part
    once the query is aimed (:mod:`mmpipe.search.find.aim`), by ``aims``. ``excluded`` is met by every match.
    ``apart`` says that words and looks are so in ``vector``, see
    :attr:`~mmpipe.encoders.base.FusionInfo.apart`.
    """

    text: str | None = None
    vector: Vectors | None = None
    modality_vectors: Mapping[Modality, Vectors] = field(default_factory=dict)
    modality_weights: Mapping[Modality, float] = field(default_factory=dict)
    confidence: float = 1.0
    text_share: float = 1.0
    identity: bytes = b""
    heard: Heard | None = None
    reach: Reach | None = None
    away: Vectors | None = None
    away_alone: Vectors | None = None
    like_weight: float = 0.0
    aims: Aims | None = None
    excluded: Condition | None = None
    apart: bool = False

    @property
    def asks_nothing(self) -> bool:
        """Neither text nor medium: the request browses."""
        return not self.text and self.vector is None


@dataclass(frozen=True)
class EncodedText:
    """A text's unit vector, how far it is to be trusted, and what its cosines mean."""

    vector: Vectors
    confidence: float
    reach: Reach | None = None


class TextCache:
    """The most recent query texts, encoded. Thread-safe; one per loaded profile."""

    def __init__(self, size: int = 4_096) -> None:
        self._size = size
        self._lock = Lock()
        self._texts: OrderedDict[str, EncodedText] = OrderedDict()

    def get(self, text: str) -> EncodedText | None:
        with self._lock:
            found = self._texts.get(text)
            if found is not None:
                self._texts.move_to_end(text)
            return found

    def put(self, text: str, encoded: EncodedText) -> None:
        with self._lock:
            self._texts[text] = encoded
            self._texts.move_to_end(text)
            while len(self._texts) > self._size:
                self._texts.popitem(last=False)


def encode(
    request: SearchRequest,
    loaded: LoadedEncoders,
    media: Mapping[Modality, EncoderInput],
    cache: TextCache | None = None,
) -> EncodedQuery:
    """Encode ``request.text`` and the decoded ``media`` (image, audio, video), then :func:`compose` them.

    Of the text what is asked for counts, not what is not wanted. Raises :class:`InvalidRequest` for a medium
    the profile cannot encode, and where the weights of all given
    parts are 0. A text without a text encoder is searched by full text alone; one of words that the encoder
    was never trained on leans on full text as far as they are unknown.
    """
    vectors: dict[Modality, Vectors] = {}
    confidence, reach = 1.0, None
    if request.text and "text" in loaded.encoders:
        encoded = _text(state(request.text).asked, loaded, cache)
        vectors["text"] = encoded.vector
        if not media and not like_weight(request):
            confidence, reach = encoded.confidence, encoded.reach
    for modality, medium in media.items():
        if modality not in loaded.encoders:
            raise InvalidRequest(
                modality,
                f"model profile '{loaded.profile.name}' cannot encode {modality} queries; leave it out",
            )
        vectors[modality] = loaded.encoders[modality].embed_query(medium)
    composed = compose(request, loaded.profile, vectors, media, confidence=confidence, folder=loaded.folder)
    unwanted = None if request.unlike is None else request.unlike.text
    if unwanted and "text" in loaded.encoders:
        shunned = _text(unwanted, loaded, cache).vector
        away = _fuse({"text": shunned}, Weights(), loaded.profile.fusion, loaded.folder)
        composed = replace(composed, away=away, away_alone=shunned)
    if reach is None:
        return composed
    nearness = load_fusion(loaded.profile.fusion, loaded.folder).nearness("text")
    return replace(composed, reach=reach.of(nearness))


def compose(
    request: SearchRequest,
    profile: Profile,
    vectors: Mapping[Modality, Vectors],
    media: Mapping[Modality, EncoderInput],
    *,
    confidence: float = 1.0,
    folder: Path | None = None,
) -> EncodedQuery:
    """Fuse parts that are encoded already, wherever that was done, by the request's weights.

    ``vectors`` are unit vectors of ``request.text`` and of each of ``media``; a text without one is searched
    by full text alone. ``folder`` holds the weights of a fusion that is not part of the installation.
    Raises :class:`InvalidRequest` where the weights of all given parts are 0.
    """
    parts: list[str] = [*(["text"] if request.text else []), *media]
    weights = request.weights or Weights()
    liked = like_weight(request)
    if request.like:
        parts.append("like")
    total = sum(getattr(weights, part) for part in parts)
    if parts and total <= 0:
        raise InvalidRequest("weights", f"at least one of {', '.join(parts)} must weigh more than 0")
    return EncodedQuery(
        text=request.text or None,
        vector=_fuse(vectors, weights, profile.fusion, folder),
        modality_vectors=vectors,
        modality_weights={m: float(getattr(weights, m)) for m in vectors},
        confidence=confidence,
        text_share=weights.text / total if request.text else 0.0,
        identity=_identity(request, media),
        like_weight=liked,
        apart=profile.fusion.apart,
    )


def _text(text: str, loaded: LoadedEncoders, cache: TextCache | None) -> EncodedText:
    found = None if cache is None else cache.get(text)
    if found is None:
        encoder = loaded.encoders["text"]
        confidence = encoder.confidence(text) if isinstance(encoder, KnowsItsWords) else 1.0
        reach = encoder.reach if isinstance(encoder, KnowsItsReach) else None
        found = EncodedText(encoder.embed_query(text), confidence, reach)
        if cache is not None:
            cache.put(text, found)
    return found


def _fuse(
    vectors: Mapping[Modality, Vectors], weights: Weights, info: FusionInfo, folder: Path | None
) -> Vectors | None:
    wanted = {m: v for m, v in vectors.items() if getattr(weights, m) > 0}
    if not wanted:
        return None
    rows = {m: v[None, :] for m, v in wanted.items()}
    present = {m: np.ones(1, np.bool_) for m in wanted}
    scale = {m: float(getattr(weights, m)) for m in wanted}
    asked, found = load_fusion(info, folder).ask(rows, present, scale)
    return asked[0] if found[0] else None


def _identity(request: SearchRequest, media: Mapping[Modality, EncoderInput]) -> bytes:
    digest = hashlib.blake2b((request.text or "").encode(), digest_size=16)
    if request.like or request.unlike is not None:
        named = request.model_dump_json(include={"like": True, "unlike": {"text", "like"}})
        digest.update(f"\0{named}".encode())
    for modality in sorted(media):
        digest.update(f"\0{modality}\0".encode())
        medium = media[modality]
        if isinstance(medium, VideoFrames):
            for frame in medium.frames:
                digest.update(frame.tobytes())
        elif isinstance(medium, AudioClip):
            digest.update(medium.samples.tobytes())
        elif not isinstance(medium, str):
            digest.update(medium.tobytes())
        else:
            digest.update(medium.encode())
    return digest.digest()
