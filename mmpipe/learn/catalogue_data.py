"""Any catalogue that the product can read, as training items.

A feed is read row by row under the same limits as when it is indexed; what is wrong with a row or a medium is
counted and reported, never fatal. Decoded inputs lie on disk and are mapped into memory: pictures and the
frames of clips as uint8 ``(160, 128, 3)`` on the image tower's canvas, recordings as float16 log-mel pictures
``(64, 400)``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from mmpipe import catalogue
from mmpipe.encoders.base import AudioClip, VideoFrames
from mmpipe.encoders.starter.images import CANVAS_HEIGHT, CANVAS_WIDTH, fit
from mmpipe.encoders.starter.sounds import FRAMES, MELS, log_mel
from mmpipe.errors import InvalidFeed, InvalidMedia, InvalidRequest, ObjectNotFound
from mmpipe.indexing.pipeline.hashes import text_hash
from mmpipe.indexing.pipeline.media import gather, plan_media
from mmpipe.indexing.sources.rows import root_of
from mmpipe.indexing.sources.stores import stores
from mmpipe.learn.catalogue_words import terms_of, twin_key
from mmpipe.media import Fetcher
from mmpipe.objects import to_uri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.catalogue import FeedRow
    from mmpipe.encoders.base import Modality
    from mmpipe.indexing.pipeline.media import Gathered
    from mmpipe.schemas.product import Product
    from mmpipe.settings import Settings

    Progress = Callable[[int, int], None]

_ENCODABLE: frozenset[Modality] = frozenset(("image", "audio", "video"))
_CHUNK = 64
_THREADS = 8
_DESCRIPTION_CHARS = 300
_EXAMPLES = 8
_ITEMS, _PIXELS, _MELS, _ABOUT = "items.jsonl", "pictures.uint8", "mels.float16", "data.json"
_PICTURE = (CANVAS_HEIGHT, CANVAS_WIDTH, 3)
_MEL = (MELS, FRAMES)


@dataclass(frozen=True, slots=True)
class TrainingItem:
    """One product.

    ``titles`` and ``descriptions`` are in the languages there are, the feed's own first; ``looks`` are brand,
    category, colour and the like; ``document`` is what the text encoder reads when the product is indexed.
    ``terms`` maps ``type``, ``colour`` … to glossary concepts. ``twin`` is equal for products that nobody
    could tell apart by title, ``group`` for variants of one design. ``images``, ``frames`` and ``clips`` are
    ``(first row, count)`` in the data's pictures, pictures and mels.
    """

    id: str
    group: str
    twin: str
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    looks: tuple[str, ...]
    category: str
    document: str
    terms: Mapping[str, str]
    images: tuple[int, int]
    frames: tuple[int, int]
    clips: tuple[int, int]
    content: str

    @property
    def pictures(self) -> tuple[int, ...]:
        """Rows of all pictures, those of clips too."""
        return tuple(start + i for start, count in (self.images, self.frames) for i in range(count))

    @property
    def pair(self) -> bool:
        """Whether the product has what a pair needs: words (always there) and a picture or a clip."""
        return self.images[1] + self.frames[1] > 0


@dataclass(slots=True)
class ReadReport:
    """What was read and what was left out, with some of the reasons."""

    rows: int = 0
    rejected_rows: int = 0
    rejected_media: int = 0
    deleted: int = 0
    products: int = 0
    pairs: int = 0
    recordings: int = 0
    clips: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def note(self, row: int, name: str, reason: str) -> None:
        """Count one problem by its field and keep the first few."""
        self.fields[name] = self.fields.get(name, 0) + 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"row {row}: {name}: {reason}"[:300])


@dataclass(frozen=True, slots=True)
class CatalogueData:
    """A catalogue to train on. ``fingerprint`` is the SHA-256 over ids and content hashes of the products."""

    items: list[TrainingItem]
    pictures: NDArray[np.uint8]
    mels: NDArray[np.float16]
    fingerprint: str
    report: ReadReport

    def __len__(self) -> int:
        return len(self.items)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Numbers of the items that have a picture."""
        return np.asarray([i for i, item in enumerate(self.items) if item.pair], dtype=np.int64)


def read_catalogue(
    feed: str, folder: Path, settings: Settings, progress: Progress | None = None
) -> CatalogueData:
    """Read a feed (a path or ``s3://bucket/key``) into ``folder``, replacing what stands there.

    A later row of an id takes the place of the former one, a deletion removes it. Items are in the order of
    their ids, so that a feed in another order trains the same. ``progress`` gets the rows read and the usable
    pairs so far. Raises :class:`InvalidRequest` where there is nothing at that address,
    :class:`InvalidFeed` for a file that cannot be read at all, :class:`RetryableError` for failing storage.
    """
    uri = to_uri(feed)
    store_for = stores(settings)
    try:
        stream, _ = store_for(uri).open(uri)
    except (ObjectNotFound, IsADirectoryError):
        raise InvalidRequest(
            "catalogue", f"there is no feed at {feed}: name a feed file, or s3://bucket/key"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    fetcher = Fetcher(settings.media, store_for)
    with stream, (folder / _PIXELS).open("wb") as pictures, (folder / _MELS).open("wb") as mels:
        reader = _Reader(settings, root_of(uri, ""), fetcher, pictures, mels)
        for rows in _chunks(catalogue.read_feed(stream, uri, settings.feeds)):
            reader.take(rows)
            if progress is not None:
                progress(reader.report.rows, sum(item.pair for item in reader.items.values()))
    items = sorted(reader.items.values(), key=lambda item: item.id)
    report = reader.report
    report.products, report.pairs = len(items), sum(item.pair for item in items)
    report.recordings = sum(item.clips[1] > 0 for item in items)
    report.clips = sum(item.frames[1] > 0 for item in items)
    lines = [json.dumps(asdict(item), ensure_ascii=False) for item in items]
    (folder / _ITEMS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    about = {"fingerprint": fingerprint_of(items), "report": asdict(report)}
    (folder / _ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    return load_catalogue(folder)


def load_catalogue(folder: Path) -> CatalogueData:
    """What :func:`read_catalogue` wrote, media mapped and not read. Raises :class:`InvalidFeed`."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        with (folder / _ITEMS).open(encoding="utf-8") as lines:
            items = [_item(json.loads(line)) for line in lines]
        return CatalogueData(
            items,
            _mapped(folder / _PIXELS, np.dtype(np.uint8), _PICTURE),
            _mapped(folder / _MELS, np.dtype(np.float16), _MEL),
            about["fingerprint"],
            ReadReport(**about["report"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFeed(f"{folder} holds no readable training data: {error}") from error


def fingerprint_of(items: Sequence[TrainingItem]) -> str:
    """64 hex digits; does not depend on the order of the products."""
    lines = sorted(f"{item.id}\t{item.content}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Split:
    """Numbers of items that have a picture: to train on, to stop by, and to judge the result by.

    Variants of one ``item_group_id``, and products of one title, are on one side.
    """

    train: NDArray[np.int64]
    watch: NDArray[np.int64]
    judge: NDArray[np.int64]


def split_items(data: CatalogueData, share: float, seed: int) -> Split:
    """Hold out about ``share`` of the pairs, half to stop by and half to judge by; by the groups' names and
    ``seed`` alone, so that a product stays where it is when others come and go around it."""
    groups: dict[str, list[int]] = {}
    roots = _joined([(data.items[i].group, data.items[i].twin) for i in data.pairs.tolist()])
    for number, root in zip(data.pairs.tolist(), roots, strict=True):
        groups.setdefault(root, []).append(number)
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    wanted = share * len(data.pairs) / 2
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for name in order:
        place = 0 if len(parts[0]) < wanted else 1 if len(parts[1]) < wanted else 2
        parts[place].extend(groups[name])
    watch, judge, train = (np.asarray(sorted(part), dtype=np.int64) for part in parts)
    return Split(train, watch, judge)


def _joined(keys: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each row, equal for rows that share a group or a title, however indirectly."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for group, twin in keys:
        first, second = sorted((root(f"group {group}"), root(f"title {twin}")))
        parent[second] = first
    return [root(f"group {group}") for group, _ in keys]


class _Reader:
    def __init__(
        self, settings: Settings, root: str, fetcher: Fetcher, pictures: BinaryIO, mels: BinaryIO
    ) -> None:
        self.items: dict[str, TrainingItem] = {}
        self.report = ReadReport()
        self._settings, self._root, self._fetcher = settings, root, fetcher
        self._pictures, self._mels = pictures, mels
        self._written = Counter[str]()

    def take(self, rows: Sequence[FeedRow]) -> None:
        """Read the media of some rows at the same time, then keep the rows in their order."""
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="media") as pool:
            for row, found in zip(rows, pool.map(self._gathered, rows), strict=True):
                self._keep(row, found)

    def _gathered(self, row: FeedRow) -> Gathered | None:
        if row.product is None or row.group:
            return None
        limits = self._settings.media
        plan = plan_media(row.product, row.inline_media, self._root, limits, _ENCODABLE)
        return gather(plan, {}, self._fetcher, limits)

    def _keep(self, row: FeedRow, found: Gathered | None) -> None:
        self.report.rows += 1
        if row.reject is not None:
            self.report.rejected_rows += 1
            self.report.note(row.row, row.reject.field, row.reject.reason)
        if row.delete_id is not None:
            self.report.deleted += self.items.pop(row.delete_id, None) is not None
        if row.product is None or found is None:
            return
        problems = [str(error) for error in found.errors]
        pictures = [item for item in found.inputs.get("image", []) if isinstance(item, np.ndarray)]
        frames = [
            frame
            for clip in found.inputs.get("video", [])
            if isinstance(clip, VideoFrames)
            for frame in clip.frames
        ]
        sounds = []
        for clip in found.inputs.get("audio", []):
            try:
                if isinstance(clip, AudioClip):
                    sounds.append(log_mel(clip.samples, clip.sample_rate).astype(np.float16))
            except InvalidMedia as error:
                problems.append(str(error))
        for problem in problems:
            self.report.rejected_media += 1
            name, _, reason = problem.partition(": ")
            self.report.note(row.row, name, reason)
        item = training_item(
            row.product,
            found.hashes,
            images=self._write(self._pictures, "pictures", [fit(picture) for picture in pictures]),
            frames=self._write(self._pictures, "pictures", [fit(frame) for frame in frames]),
            clips=self._write(self._mels, "mels", sounds),
        )
        self.items.pop(item.id, None)
        self.items[item.id] = item

    def _write(
        self, file: BinaryIO, name: str, arrays: Sequence[NDArray[np.uint8] | NDArray[np.float16]]
    ) -> tuple[int, int]:
        first = self._written[name]
        for array in arrays:
            file.write(array.tobytes())
        self._written[name] += len(arrays)
        return first, len(arrays)


def training_item(
    product: Product,
    hashes: Mapping[Modality, str],
    *,
    images: tuple[int, int],
    frames: tuple[int, int],
    clips: tuple[int, int],
) -> TrainingItem:
    """The words of one product, with where its media are."""
    titles = [product.title, *(t.title for t in product.translations.values())]
    descriptions = [product.description, *(t.description for t in product.translations.values())]
    category = product.category or ""
    looks = (product.brand, category, product.color, product.material, product.pattern, product.gender)
    words = "\n".join((product.text_for_encoder(), *titles, *descriptions))
    content = [text_hash(words), *(f"{name}={digest}" for name, digest in sorted(hashes.items()))]
    return TrainingItem(
        id=product.id,
        group=product.item_group_id or product.id,
        twin=twin_key(product.title),
        titles=tuple(dict.fromkeys(title for title in titles if title)),
        descriptions=tuple(text[:_DESCRIPTION_CHARS] for text in descriptions if text),
        looks=tuple(dict.fromkeys(look for look in looks if look)),
        category=category,
        document=product.text_for_encoder(),
        terms={kind: term.concept for kind, term in terms_of(product).items()},
        images=images,
        frames=frames,
        clips=clips,
        content=text_hash("\n".join(content)),
    )


def _item(raw: dict[str, object]) -> TrainingItem:
    lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
    return TrainingItem(**{**raw, **lists})  # type: ignore[arg-type]


def _mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:  # type: ignore[type-arg]
    count = path.stat().st_size // (dtype.itemsize * int(np.prod(shape)))
    if count == 0:
        return np.zeros((0, *shape), dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(count, *shape))


def _chunks(rows: Iterator[FeedRow]) -> Iterator[list[FeedRow]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
