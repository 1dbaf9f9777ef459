"""One product's media: resolved, fetched, hashed, and decoded only where they changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmpipe import media
from mmpipe.encoders.base import MODALITIES, AudioClip, Modality, VideoFrames
from mmpipe.errors import InvalidMedia, MediaNotFound, RetryableError
from mmpipe.indexing.pipeline.hashes import media_hash
from mmpipe.indexing.pipeline.seen import ABSENT, NOT_LOOKED, UNKNOWN, UNUSABLE, is_settled, stamp_in

if TYPE_CHECKING:
    from mmpipe.encoders.base import EncoderInput, Vectors
    from mmpipe.errors import MmpipeError
    from mmpipe.lake.frames import ClipFrames
    from mmpipe.schemas.product import Product
    from mmpipe.settings import MediaSettings

# A product's photos beyond these add little to its mean vector and much to its cost.
MAX_IMAGES = 4
_File = tuple[str, bytes, str, str]
_FIELD_MODALITY: dict[str, Modality] = {"image_link": "image", "audio_link": "audio", "video_link": "video"}


@dataclass(slots=True)
class Gathered:
    """One product's media, modality by modality.

    ``hashes``: of every modality that could be read. ``inputs``: decoded, of those that must be encoded.
    ``kept``: those whose vector in the table still holds. ``reads``: what was read, by address, None where
    nothing was there. ``uris``: all that its links may mean, also where nothing is stored yet. ``words``: by
    address, what was found there (:mod:`mmpipe.indexing.pipeline.seen`); ``fetched_hosts``: whether a host
    gave a medium now. ``copied``: vectors that the table's row keeps, and ``frames``, those of a kept clip.
    ``pictures_found`` could be used; ``pictures_missing`` are refused, not there or broken.
    """

    hashes: dict[Modality, str] = field(default_factory=dict)
    inputs: dict[Modality, list[EncoderInput]] = field(default_factory=dict)
    kept: set[Modality] = field(default_factory=set)
    reads: list[tuple[media.MediaRef, str | None]] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    fetched_hosts: bool = False
    errors: list[MmpipeError] = field(default_factory=list)
    clips: list[AudioClip] = field(default_factory=list)
    copied: dict[Modality, Vectors] = field(default_factory=dict)
    frames: ClipFrames | None = None
    transcript: str | None = None
    transcript_by: str | None = None
    pictures_found: int = 0
    pictures_missing: int = 0

    @property
    def nbytes(self) -> int:
        """Memory the decoded inputs take."""
        return sum(_size_of(value) for values in self.inputs.values() for value in values)


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What a product's media are: addresses by modality, bytes that came with the row, and links that are
    refused.
    """

    refs: Mapping[Modality, tuple[media.MediaRef, ...]]
    inline: Mapping[Modality, tuple[str, bytes]]
    errors: tuple[InvalidMedia, ...]

    @property
    def remote(self) -> bool:
        """Whether anything has to be fetched."""
        return bool(self.refs)


def plan_media(
    product: Product,
    inline_media: Mapping[str, bytes],
    root: str,
    settings: MediaSettings,
    encodable: frozenset[Modality],
) -> MediaPlan:
    """Resolve a product's links.

    A medium inside the row stands for its whole modality: its links are not fetched. Of the images, the first
    :data:`MAX_IMAGES` count. Modalities without an encoder in the profile are left out.
    """
    inline = {_FIELD_MODALITY[name]: (name, data) for name, data in inline_media.items() if data}
    inline = {m: item for m, item in inline.items() if m in encodable}
    if not (product.image_link or product.additional_image_link or product.audio_link or product.video_link):
        return MediaPlan({}, inline, ())
    found, errors = media.resolve(product, root, settings)
    refs: dict[Modality, tuple[media.MediaRef, ...]] = {}
    for modality in MODALITIES:
        if modality in inline or modality not in encodable:
            continue
        mine = tuple(ref for ref in found if ref.modality == modality)
        if mine:
            refs[modality] = mine[:MAX_IMAGES]
    return MediaPlan(refs, inline, tuple(errors))


def gather(
    plan: MediaPlan,
    known: Mapping[Modality, str],
    fetcher: media.Fetcher,
    settings: MediaSettings,
    *,
    words: Mapping[str, str] | None = None,
    same: frozenset[Modality] = frozenset(),
    only: frozenset[str] | None = None,
    listen_again: bool = False,
) -> Gathered:
    """Read what the plan names.

    ``words`` are those of the table's row, ``same`` the modalities whose media were asked about and are as
    they were: what of them could be used is kept unread.

    ``known`` holds the hashes of the table's row; a modality with the same hash is kept, not decoded, but
    for its recording with ``listen_again``: that is decoded for the recogniser alone. With
    ``only``, modalities none of whose addresses are in it are kept unread. A bad medium is an entry of
    ``errors`` and the product goes on without it. Raises :class:`RetryableError` when the object store fails;
    a failing host of an ``https://`` link is that medium's own error.
    """
    refused = sum("image_link" in error.field for error in plan.errors)
    result = Gathered(errors=list(plan.errors), pictures_missing=refused)
    if only is not None:
        for modality in known:
            # Bytes that came inside a feed have no address to be read again from.
            if modality != "text" and modality not in plan.refs:
                _keep(result, modality, known)
    for modality, (name, data) in plan.inline.items():
        digest = hashlib.sha256(data).hexdigest()
        usable = _settle(result, modality, [(name, data, digest, "")], known, settings, listen_again, {})
        _count_pictures(result, modality, usable, 1)
    for modality, refs in plan.refs.items():
        addresses = [uri for ref in refs for uri in ref.addresses]
        result.uris += [uri for uri in addresses if not uri.startswith("data:")]
        before = {uri: (words or {}).get(uri, UNKNOWN) for uri in addresses}
        if only is not None and only.isdisjoint(addresses):
            _keep(result, modality, known)
            result.words.update(before)
            continue
        listening = modality == "audio" and listen_again
        if modality in same and modality in known and not listening and is_settled(refs, before):
            _keep(result, modality, known)
            result.words.update(before)
            result.reads += [read for ref in refs for read in _as_seen(ref, before)]
            _count_pictures(result, modality, len(refs), len(refs))
            continue
        files, failed_for_now = _read(result, refs, fetcher)
        usable = len(files)
        if failed_for_now and modality in known:
            _keep(result, modality, known)  # better yesterday's photo than none while a host is down
        elif files:
            usable = _settle(result, modality, files, known, settings, listen_again, before)
        _count_pictures(result, modality, usable, len(refs))
    return result


def _count_pictures(result: Gathered, modality: Modality, usable: int, named: int) -> None:
    if modality == "image":
        result.pictures_found += usable
        result.pictures_missing += named - usable


def _as_seen(ref: media.MediaRef, words: Mapping[str, str]) -> Iterator[tuple[media.MediaRef, str | None]]:
    """The reads of a link whose media are as they were."""
    for uri in ref.addresses:
        stamp = stamp_in(words[uri])
        if stamp is not None or words[uri] == ABSENT:
            yield ref.at(uri), None if stamp is None else stamp.etag


def _read(
    result: Gathered, refs: tuple[media.MediaRef, ...], fetcher: media.Fetcher
) -> tuple[list[_File], bool]:
    files: list[_File] = []
    failed_for_now = False
    for ref in refs:
        empty = () if ref.uri.startswith("data:") else ref.addresses
        for uri in empty:
            result.words.setdefault(uri, NOT_LOOKED)  # another link may have been read there
        try:
            fetched = fetcher.fetch(ref)
        except InvalidMedia as error:
            result.errors.append(error)
            word = ABSENT if isinstance(error, MediaNotFound) else UNKNOWN
            result.words.update(dict.fromkeys(empty, word))
        except RetryableError as error:
            if not ref.uri.startswith("https://"):
                raise
            failed_for_now = True
            result.errors.append(error)
            result.words.update(dict.fromkeys(empty, UNKNOWN))
        else:
            files.append((ref.field, fetched.data, fetched.sha256, fetched.ref.uri))
            if empty:
                empty = empty[: empty.index(fetched.ref.uri)]
                result.reads.append((fetched.ref, fetched.etag))
                result.words.update(dict.fromkeys(empty, ABSENT))
                found = UNKNOWN if fetched.stamp is None else fetched.stamp.encode()
                result.words[fetched.ref.uri] = found
                result.fetched_hosts |= ref.uri.startswith("https://")
        result.reads += [(ref.at(uri), None) for uri in empty]
    return files, failed_for_now


def _keep(result: Gathered, modality: Modality, known: Mapping[Modality, str]) -> None:
    if modality in known:
        result.hashes[modality] = known[modality]
        result.kept.add(modality)


def _settle(
    result: Gathered,
    modality: Modality,
    files: list[_File],
    known: Mapping[Modality, str],
    settings: MediaSettings,
    listen_again: bool,
    before: Mapping[str, str],
) -> int:
    """Keep or decode the files of one modality; returns how many of them can be used."""
    digest = media_hash([sha for _, _, sha, _ in files])
    same = known.get(modality) == digest
    if same and (modality != "audio" or not listen_again):
        told = len(result.errors)
        broken = _still_broken(result, modality, files, settings, before)
        if broken is not None:
            _keep(result, modality, known)
            return len(files) - broken
        # Other limits hold now: what could not be used is a part of the vector.
        del result.errors[told:]
        same = False
    inputs = _decoded(result, modality, files, settings)
    result.clips += [clip for clip in inputs if isinstance(clip, AudioClip)]
    if same:
        _keep(result, modality, known)
    elif inputs:
        result.hashes[modality] = digest
        result.inputs[modality] = inputs
    return len(inputs)


def _still_broken(
    result: Gathered,
    modality: Modality,
    files: list[_File],
    settings: MediaSettings,
    before: Mapping[str, str],
) -> int | None:
    """How many of the files, which are what they were, cannot be used, each with its fault told again; None
    where one can be used that could not. Those that could be used then are not decoded."""
    if len(files) == 1:
        return 0  # or there would be no vector
    words = [before.get(uri, UNKNOWN) for _, _, _, uri in files]
    unusable = [file for file, word in zip(files, words, strict=True) if word.startswith(UNUSABLE)]
    unknown = [file for file, word in zip(files, words, strict=True) if word in (UNKNOWN, ABSENT, NOT_LOOKED)]
    if _decoded(result, modality, unusable, settings):
        return None
    return len(unusable) + len(unknown) - len(_decoded(result, modality, unknown, settings))


def _decoded(
    result: Gathered, modality: Modality, files: list[_File], settings: MediaSettings
) -> list[EncoderInput]:
    inputs: list[EncoderInput] = []
    for name, data, _, uri in files:
        try:
            inputs.append(media.decode(modality, data, settings, name))
        except InvalidMedia as error:
            result.errors.append(error)
            word = result.words.get(uri, UNKNOWN)
            if word != UNKNOWN and not word.startswith(UNUSABLE):
                result.words[uri] = UNUSABLE + word
    return inputs


def _size_of(value: EncoderInput) -> int:
    """Bytes of one decoded input."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, AudioClip):
        return value.samples.nbytes
    if isinstance(value, VideoFrames):
        return sum(frame.nbytes for frame in value.frames)
    return value.nbytes
