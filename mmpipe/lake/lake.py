"""A lake, its collections, and the publication of their versions."""

from __future__ import annotations

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from mmpipe.errors import (
    CommitConflict,
    InvalidRequest,
    LiveMoved,
    NotFound,
    ProfileMismatch,
    PublishRejected,
    StorageUnavailable,
    UnknownCollection,
)
from mmpipe.lake.audit import FOLDER, AuditLog
from mmpipe.lake.caches import bounded_session
from mmpipe.lake.checks import Counts, check_version, count
from mmpipe.lake.interactions import InteractionLog, Pseudonyms, open_pseudonyms
from mmpipe.lake.live import LiveFile, LivePointer, LiveVersion
from mmpipe.lake.media_log import MediaLog
from mmpipe.lake.models import ModelRegistry
from mmpipe.lake.products import ProductTable
from mmpipe.lake.recommenders import POINTER_FILE, RecommenderPointer
from mmpipe.lake.record_table import When
from mmpipe.lake.rejects import RejectTable
from mmpipe.lake.reset import Reset, reset
from mmpipe.lake.reviews import PHOTOS_PREFIX, ReviewPhotos, Reviews, photos_table
from mmpipe.lake.runs import RunTable
from mmpipe.lake.searches import SearchLog
from mmpipe.lake.storage import child_folders
from mmpipe.lake.tags import LiveTags, Superseded, surplus
from mmpipe.objects import open_store, to_uri
from mmpipe.schemas.names import COLLECTION_PATTERN

if TYPE_CHECKING:
    import lance

    from mmpipe.encoders.base import Profile
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)

_PREFIX = "products_"
_SUFFIX = ".lance"
_PUBLISH_ATTEMPTS = 8
_TIDY_ATTEMPTS = 4


def open_lake(settings: Settings) -> Lake:
    """The lake at ``settings.lake.uri``; nothing is read yet."""
    return Lake(settings)


def table_name(profile: Profile) -> str:
    """``products_<profile>_<first 8 digits of its fingerprint>``."""
    return f"{_PREFIX}{re.sub(r'[^A-Za-z0-9-]', '-', profile.name)}_{profile.fingerprint[:8]}"


class Lake:
    """Collections by name. Safe to share between threads; travels by pickle as its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.uri = to_uri(settings.lake.uri).rstrip("/")
        self._collections: dict[str, Collection] = {}
        self._lock = threading.Lock()
        # Of all its tables, however many collections there are.
        self.session = bounded_session()

    def __reduce__(self) -> tuple[object, ...]:
        return open_lake, (self.settings,)

    @cached_property
    def models(self) -> ModelRegistry:
        """Model profiles that were trained for this lake."""
        return ModelRegistry(self.uri, self.settings.storage, self.settings.models)

    @cached_property
    def audit(self) -> AuditLog:
        """What the people of its shops asked and changed."""
        settings = self.settings

        def digest(text: str) -> str:
            return self.pseudonyms.user(FOLDER, text)

        return AuditLog(self.uri, settings.storage, settings.lake.keep_audit_days, digest)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """What stands for users and sessions in what is stored; see
        :func:`~mmpipe.lake.interactions.open_pseudonyms`."""
        return open_pseudonyms(self.settings, self)

    def collections(self) -> list[str]:
        """Names of the collections that hold anything, sorted."""
        return [n for n in child_folders(self.uri, self.settings.storage) if COLLECTION_PATTERN.fullmatch(n)]

    def named(self, name: str | None) -> Collection:
        """The collection of this name, or the lake's only one. Raises ``UnknownCollection``, and
        ``InvalidRequest`` where there are several to choose from."""
        if name is not None:
            return self.collection(name)
        names = self.collections()
        if not names:
            raise UnknownCollection("the lake has no collection yet; index a feed first")
        if len(names) > 1:
            raise InvalidRequest("collection", f"name one of: {', '.join(names[:20])}")
        return self.collection(names[0])

    def collection(self, name: str, *, create: bool = False) -> Collection:
        """One collection. Raises ``UnknownCollection`` when there is none of that name and ``create`` is
        not set, or when the name is not allowed at all. A created one comes into being with its first
        table."""
        if not COLLECTION_PATTERN.fullmatch(name):
            raise UnknownCollection(
                f"{name[:80]!r} cannot name a collection: use lower-case letters, digits, - and _, "
                f"at most 63 characters, and not 'models', which is the model registry"
            )
        with self._lock:
            known = self._collections.get(name)
        if known is None:
            if not create and name not in self.collections():
                raise UnknownCollection(
                    f"there is no collection {name!r} in this lake: index a feed into it first"
                )
            with self._lock:
                known = self._collections.setdefault(name, Collection(self, name))
        return known


class Collection:
    """One shop's tables and what of them is live, with the ``store`` that its objects lie in. Safe to share
    between threads; tables stay open between calls."""

    def __init__(self, lake: Lake, name: str) -> None:
        self.name = name
        self.settings = lake.settings
        self.uri = f"{lake.uri}/{name}"
        self._lake = lake
        self._tables: dict[str, ProductTable] = {}
        self._photos: dict[str, ReviewPhotos] = {}
        self._lock = threading.RLock()
        self.store = open_store(self.uri, lake.settings.storage)
        self._pointer = LivePointer(self.store, f"{self.uri}/live.json")
        self._tidied: str | None = None
        self._superseded = Superseded(lake.settings.lake.hold_versions_seconds)
        self._tidying = threading.Lock()
        # As it was written here last: of several threads' publications each follows the one before.
        self._wrote: LiveFile | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return _collection_of, (self.settings, self.name)

    @cached_property
    def rejects(self) -> RejectTable:
        """Rows and media that could not be used."""
        return RejectTable(self.table_uri("rejects"), self.settings.storage, self._lake.session)

    @cached_property
    def runs(self) -> RunTable:
        """The run ledger."""
        return RunTable(self.table_uri("runs"), self.settings.storage, self._lake.session)

    @cached_property
    def media(self) -> MediaLog:
        """The newest announced version of each media object."""
        return MediaLog(self.table_uri("media"), self.settings.storage, self._lake.session)

    @cached_property
    def interactions(self) -> InteractionLog:
        """What shoppers did."""
        return InteractionLog(
            f"{self.uri}/interactions",
            self.settings.storage,
            collection=self.name,
            keep_days=self.settings.interactions.keep_days,
        )

    @cached_property
    def reviews(self) -> Reviews:
        """What shoppers wrote of its products."""
        return Reviews(self.table_uri("reviews"), self.settings.storage, self._lake.session)

    def review_photos(self, profile: Profile) -> ReviewPhotos | None:
        """The photos of those reviews, encoded as a profile's queries are; None where it encodes no image."""
        name = photos_table(profile)
        if name is None:
            return None
        with self._lock:
            if name not in self._photos:
                self._photos[name] = self._photo_table(name, profile.dim)
            return self._photos[name]

    def all_review_photos(self) -> list[ReviewPhotos]:
        """Those of every encoder that encoded any."""
        names = [
            folder.removesuffix(_SUFFIX)
            for folder in child_folders(self.uri, self.settings.storage)
            if folder.startswith(PHOTOS_PREFIX) and folder.endswith(_SUFFIX)
        ]
        # The number of dimensions is asked of what writes alone.
        return [self._photos.get(name) or self._photo_table(name, 1) for name in names]

    def _photo_table(self, name: str, dim: int) -> ReviewPhotos:
        return ReviewPhotos(self.table_uri(name), name, dim, self.settings.storage, self._lake.session)

    def follow_photos(self, photos: ReviewPhotos) -> None:
        """Let readers of what is live follow the newest version of a table of review photos. Nothing is
        written where they do already, or nothing is live yet. Raises ``CommitConflict``,
        ``StorageUnavailable``."""
        for _ in range(_PUBLISH_ATTEMPTS):
            former = self._pointer.read()
            version = photos.version()
            if former is None or version <= former.photos.get(photos.name, 0):
                return
            followed = former.model_copy(update={"photos": {**former.photos, photos.name: version}})
            try:
                self._pointer.replace(followed, former)
            except CommitConflict:
                continue
            return
        raise CommitConflict(f"{self.uri}/live.json: other writers kept publishing first")

    @cached_property
    def searches(self) -> SearchLog:
        """What was asked and what was found."""
        return SearchLog(f"{self.uri}/analytics", self.settings.storage, self.settings.analytics)

    @cached_property
    def recommender(self) -> RecommenderPointer:
        """Which recommender readers follow."""
        return RecommenderPointer(self.store, f"{self.uri}/{POINTER_FILE}")

    def table_uri(self, name: str) -> str:
        """Where the Lance table of that name is."""
        return f"{self.uri}/{name}{_SUFFIX}"

    def product_tables(self) -> list[str]:
        """Names of the products tables, one per profile that ever filled this collection."""
        folders = child_folders(self.uri, self.settings.storage)
        return [f.removesuffix(_SUFFIX) for f in folders if f.startswith(_PREFIX) and f.endswith(_SUFFIX)]

    def products(self, profile: Profile, *, create: bool = False) -> ProductTable:
        """The table of one profile. Raises ``NotFound`` where there is none and ``create`` is not set,
        ``ProfileMismatch`` where the table of that name was filled by another profile."""
        name = table_name(profile)
        with self._lock:
            if name not in self._tables or self._tables[name].removed:
                try:
                    table = self._open(name, profile)
                except NotFound:
                    if not create:
                        raise
                    table = ProductTable.create(
                        self.table_uri(name),
                        name,
                        profile,
                        self.settings.lake,
                        self.settings.storage,
                        self._lake.session,
                    )
                self._tables[name] = table
            table = self._tables[name]
        if table.profile.fingerprint != profile.fingerprint:
            raise ProfileMismatch(
                f"table {name} was encoded by {table.profile.fingerprint}, not by {profile.fingerprint}:"
                " index again into a table of that profile (mmpipe live reindex)"
            )
        return table

    def table(self, name: str) -> ProductTable:
        """A products table by its name, whatever its profile. Raises ``NotFound``."""
        if not re.fullmatch(r"products_[A-Za-z0-9_-]+", name):
            raise NotFound(f"{name[:80]!r} is no products table: see product_tables()")
        with self._lock:
            if name not in self._tables or self._tables[name].removed:
                self._tables[name] = self._open(name, None)
            return self._tables[name]

    def live(self) -> LiveVersion | None:
        """What readers follow; None before the first publication. One small read."""
        content = self._pointer.read()
        return None if content is None else content.live

    def history(self) -> list[LiveVersion]:
        """What is and was live, newest first."""
        content = self._pointer.read()
        return [] if content is None else [content.live, *reversed(content.history)]

    def former_table(self) -> str | None:
        """The table that was live before the present one, however many publications ago; None where there
        was none."""
        content = self._pointer.read()
        return None if content is None else content.former_table

    def live_file(self) -> LiveFile | None:
        """What is live and what was, as :meth:`publish` takes it as ``following``; None before the first
        publication. One small read."""
        return self._pointer.read()

    def publish(
        self,
        table: ProductTable,
        *,
        reason: str,
        version: int | None = None,
        allow_shrink: bool = False,
        following: LiveFile | LiveVersion | None = None,
        tidy: bool = True,
    ) -> LiveVersion:
        """Make ``version`` of ``table`` live (the newest, where none is named), if it passes its checks (see
        :mod:`mmpipe.lake.checks`).

        Returns what is live then: a newer version of the same table that another writer published
        meanwhile counts. Raises ``PublishRejected``, with the old version still live; ``CommitConflict``
        when others kept publishing first. After a rollback the next publication goes forward again.

        ``following`` is what the caller saw live when it decided to publish. Where readers follow another
        table since, or were rolled back, nothing is published and ``LiveMoved`` is raised: an upload that
        was decided on before a switch must not undo it. A :class:`LiveFile` (of :meth:`live_file`) also
        stands for the file itself, which is then read again only where another process changed it since:
        beside the checks such a publication is two writes at once, without ``tidy``. Who asks for none calls
        :meth:`tidy` later.
        """
        dataset = _version_of(table, version)
        shrink = None if allow_shrink else self.settings.lake.max_shrink
        seen = following.live if isinstance(following, LiveFile) else following
        former = self._newer(following) if isinstance(following, LiveFile) else self._pointer.read()
        checked: tuple[int, Counts] | None = None
        for _ in range(_PUBLISH_ATTEMPTS):
            live = None if former is None else former.live
            _check_following(live, seen)
            if former is not None and former.lacks(table.name, dataset.version):
                raise CommitConflict(
                    f"{table.name}: a reset took back version {dataset.version}: write again"
                )
            if (
                live is not None
                and live.table == table.name
                and live.restores is None
                and live.version >= dataset.version
            ):
                return live
            base = 0 if live is None else live.generation
            if checked is None or checked[0] != base:
                checked = (base, check_version(table, dataset, live, max_shrink=shrink))
            try:
                fresh = table.fresh(int(dataset.version))
                published = self._make_live(table, dataset.version, checked[1], reason, former, new=fresh)
            except CommitConflict as error:
                log.info("publishing %s version %d again: %s", table.name, dataset.version, error)
                former = self._pointer.read()
                continue
            if tidy:
                self._tidy_now()
            return published
        raise CommitConflict(f"{self.uri}/live.json: other writers kept publishing first")

    def promote(
        self,
        table: str,
        version: int | None = None,
        *,
        reason: str = "promoted",
        generation: int | None = None,
    ) -> LiveVersion:
        """Make one given version live (the newest, where none is named): of an older state, or of another
        profile's table. It passes the same checks, but for the number of products. Raises ``NotFound``,
        ``PublishRejected``, ``CommitConflict``, also where another ``generation`` is live than the one that
        is named."""
        opened = self.table(table)
        dataset = opened.latest() if version is None else opened.at(version)
        former = _still(self._pointer.read(), generation)
        counts = check_version(opened, dataset, None, max_shrink=None)
        published = self._make_live(opened, dataset.version, counts, reason, former)
        self._tidy_now()
        return published

    def rollback(self, *, reason: str = "rolled back", generation: int | None = None) -> LiveVersion:
        """Make live again what was live before. Repeated, it goes further back. Raises ``PublishRejected``
        when there is nothing to go back to, ``NotFound`` when that version is gone, ``CommitConflict``
        when somebody published meanwhile, or another ``generation`` is live than the one that is named."""
        former = _still(self._pointer.read(), generation)
        target = None if former is None else former.before()
        if target is None:
            raise PublishRejected(f"collection {self.name} has no earlier live version to go back to")
        table = self.table(target.table)
        version = int(table.at(target.version).version)
        counts = Counts(rows=target.rows, tombstones=target.tombstones)
        published = self._make_live(table, version, counts, reason, former, restores=target.origin)
        self._tidy_now()
        return published

    def reset(self, *, rolled_back: bool = False) -> Reset:
        """Take the live table back to what is live; see :func:`mmpipe.lake.reset.reset`."""
        done = reset(self, self._make_live, rolled_back=rolled_back)
        if done.changed:
            self._tags(done.live.table).keep_reset(done.former)
        self._tidy_now()
        return done

    def tidy(self, *, thorough: bool = False) -> None:
        """Make the tags of the tables that ``live.json`` names those of its entries, and of what they
        replaced less than ``hold_versions_seconds`` ago; ``thorough``, of all products tables.

        For after a publication, off its critical path; one small read where nothing was published since the
        last call. Nothing breaks where it is not called, or ends midway: some old versions are kept for
        longer. Raises ``StorageUnavailable``.
        """
        for _ in range(_TIDY_ATTEMPTS):
            content = self._pointer.read()
            if content is None or (content.live.etag == self._tidied and not thorough):
                return
            self._settle_tags(content, thorough=thorough)
            # Read again: what was published meanwhile has been tidied by nobody, or by somebody slower.
            self._tidied, thorough = content.live.etag, False

    def maintain_records(self, *, thorough: bool = False, at_rest: bool = False) -> None:
        """Keep the ledger, the media log and the rejects quick, and remove runs and media announcements that
        are older than the settings say: every hour, or where it is ``thorough``. Old versions go where many
        have come, or any and the tables are ``at_rest``.

        For after a publication, off its critical path; one request per table where nothing is due. Raises
        ``StorageUnavailable``.
        """
        settings, now = self.settings.lake, datetime.now(UTC)
        when = When(hold=settings.hold_versions_seconds, thorough=thorough, at_rest=at_rest)
        self.runs.maintain(keep=timedelta(days=settings.keep_runs_days), now=now, **when)
        self.media.maintain(keep=timedelta(days=settings.keep_media_log_days), now=now, **when)
        self.rejects.maintain(**when)
        self.reviews.maintain(**when)
        live = self._pointer.read()
        for photos in self.all_review_photos() if live is not None and live.photos else ():
            photos.maintain(**when)
            # What puts files together makes a version, and older ones do not stay.
            self.follow_photos(photos)

    def counts(self, table: ProductTable) -> Counts:
        """Live products and tombstones of the newest version of a table."""
        return count(table, table.latest())

    def _open(self, name: str, profile: Profile | None) -> ProductTable:
        return ProductTable.open(
            self.table_uri(name),
            name,
            profile,
            self.settings.lake,
            self.settings.storage,
            self._lake.session,
        )

    def _make_live(
        self,
        table: ProductTable,
        version: int,
        counts: Counts,
        reason: str,
        former: LiveFile | None,
        restores: int | None = None,
        *,
        reset_to: int | None = None,
        new: bool = False,
    ) -> LiveVersion:
        entry = LiveVersion(
            generation=1 if former is None else former.live.generation + 1,
            table=table.name,
            version=version,
            profile_fingerprint=table.profile.fingerprint,
            published_at=datetime.now(UTC),
            rows=counts.rows,
            tombstones=counts.tombstones,
            reason=reason,
            restores=restores,
            reset_to=reset_to,
        )
        content = LiveFile(live=entry) if former is None else former.followed_by(entry)
        keep = partial(self._tags(table.name).keep, version)
        if not new:
            # The tag comes first: from the moment live.json names a version, no clean-up may remove it.
            keep()
            return self._pointer.replace(content, former)
        # No clean-up removes what was committed a moment ago, so neither write waits for the other.
        with ThreadPoolExecutor(1, thread_name_prefix="mmpipe-tag") as beside:
            kept = beside.submit(keep)
            published = self._pointer.replace(content, former)
            self._wrote = content.model_copy(update={"live": published})
        kept.result()
        return published

    def _newer(self, seen: LiveFile) -> LiveFile:
        wrote = self._wrote
        return seen if wrote is None or wrote.live.generation <= seen.live.generation else wrote

    def _tags(self, table: str) -> LiveTags:
        return LiveTags(self.store, self.table_uri(table))

    def _settle_tags(self, content: LiveFile, *, thorough: bool) -> None:
        with self._tidying:
            self._settle(content, thorough=thorough)

    def _settle(self, content: LiveFile, *, thorough: bool) -> None:
        named = content.versions()
        for name in sorted(named.keys() | set(self.product_tables() if thorough else ())):
            tags, wanted = self._tags(name), named.get(name, set())
            kept = tags.kept()
            if not wanted <= kept and self._exists(name):
                for version in sorted(wanted - kept):
                    tags.keep(version)
            for version in sorted(self._superseded.over(name, surplus(kept, wanted), content)):
                tags.drop(version)
            if thorough:
                tags.forget(timedelta(days=self.settings.lake.keep_versions_days))
        self._tags(content.live.table).follow(content.live.version)

    def _tidy_now(self) -> None:
        try:
            self.tidy()
        except StorageUnavailable as error:
            log.warning("tags of %s are tidied later: %s", self.name, error)

    def _exists(self, table: str) -> bool:
        try:
            self.table(table)
        except NotFound:
            return False
        return True


def _version_of(table: ProductTable, version: int | None) -> lance.LanceDataset:
    if version is None:
        return table.latest()
    return table.recent(version) or table.at(version)


def _still(content: LiveFile | None, generation: int | None) -> LiveFile | None:
    if generation is not None and (content is None or content.live.generation != generation):
        raise CommitConflict("something else was published meanwhile")
    return content


def _check_following(live: LiveVersion | None, seen: LiveVersion | None) -> None:
    if live is None or seen is None or live.generation == seen.generation:
        return
    if live.table != seen.table or live.restores is not None:
        raise LiveMoved(f"readers follow version {live.version} of {live.table} by now")


def _collection_of(settings: Settings, name: str) -> Collection:
    return Lake(settings).collection(name, create=True)
