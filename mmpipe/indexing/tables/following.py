"""By which models an upload is encoded: those of the table that readers follow.

Whoever sends work cannot see the lake, so an order names the profile of the settings; that one counts until
something is live. From then on the worker looks which table is live, at every call, and writes into that one
by the models that filled it. After a switch of models the next upload therefore goes to the new table without
anything being restarted. An order's run id stays that of the settings' profile: the same event is the same
run on both sides of a switch.

A switch can come between a worker's look and its commit, so the worker looks again after its commit
(:func:`mmpipe.indexing.writing.publish.publish`), and the switch looks for such rows after it has moved the
readers: whichever comes second sees the other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmpipe.errors import NotFound, StorageUnavailable
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake.model_loading import load_exactly, load_profile

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.sources.readers import StoreFor
    from mmpipe.lake import Collection
    from mmpipe.lake.live import LiveFile
    from mmpipe.settings import Settings

# A switch takes minutes to prepare; a worker that meets it this often in a row had better be asked again.
FOLLOW_ATTEMPTS = 3
_MAX_PIPELINES = 4


def live_profile(collection: Collection) -> Profile | None:
    """The profile of the table that readers follow; None before the first publication. One small read.

    Raises ``StorageUnavailable``, also where that table is gone.
    """
    return live_table(collection)[1]


def live_table(collection: Collection) -> tuple[LiveFile | None, Profile | None]:
    """What is live, and the profile of its table; see :func:`live_profile`."""
    content = collection.live_file()
    if content is None:
        return None, None
    try:
        return content, collection.table(content.live.table).profile
    except NotFound as error:
        # Not the upload's fault: it waits until somebody has made another table live.
        raise StorageUnavailable(f"{content.live.table} is live, but gone: promote another table") from error


def models_for(
    settings: Settings,
    name: str,
    profile: Profile | None,
    loaded: LoadedEncoders | None = None,
    *,
    threads: int | None = None,
) -> LoadedEncoders:
    """The models that are exactly ``profile``, or without one those called ``name``; ``loaded``, where it is
    the ones. Raises ``ModelUnavailable``, ``ProfileMismatch``."""
    if profile is None:
        return loaded if loaded is not None else load_profile(name, settings, threads=threads)
    if loaded is not None and loaded.profile.fingerprint == profile.fingerprint:
        return loaded
    return load_exactly(profile, settings, threads=threads)


@contextmanager
def exactly(settings: Settings, profile: Profile) -> Iterator[Callable[[], Pipeline]]:
    """A way to the pipeline that encodes by exactly ``profile``: it is loaded when it is first asked for, and
    ended with the block. Asking raises ``ModelUnavailable``, ``ProfileMismatch``."""
    made: list[Pipeline] = []

    def pipeline() -> Pipeline:
        if not made:
            made.append(Pipeline(settings, load_exactly(profile, settings), stores(settings)))
        return made[0]

    try:
        yield pipeline
    finally:
        for each in made:
            each.close()


class Pipelines:
    """Pipelines by profile, loaded when a collection that follows one is first written to. The settings' own,
    ``loaded``, stays; of the others those used last do. Safe to share between threads."""

    def __init__(self, settings: Settings, loaded: LoadedEncoders, store_for: StoreFor) -> None:
        self._settings = settings
        self._store_for = store_for
        self._own = Pipeline(settings, loaded, store_for)
        self._others: OrderedDict[str, Pipeline] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def own(self) -> Pipeline:
        """The pipeline of the settings' profile."""
        return self._own

    def of(self, profile: Profile | None) -> Pipeline:
        """The pipeline that encodes by exactly ``profile``; the settings' own for None. Raises
        ``ModelUnavailable``, ``ProfileMismatch``."""
        if profile is None or profile.fingerprint == self._own.loaded.profile.fingerprint:
            return self._own
        with self._lock:
            found = self._others.get(profile.fingerprint)
            if found is None:
                loaded = load_exactly(profile, self._settings, threads=self._settings.serve.encoder_threads)
                found = self._others[profile.fingerprint] = Pipeline(self._settings, loaded, self._store_for)
            self._others.move_to_end(profile.fingerprint)
            while len(self._others) > _MAX_PIPELINES:
                # Whoever still uses it reads on the threads that it has, and gets no new ones.
                self._others.popitem(last=False)[1].close()
            return found

    def close(self) -> None:
        """End the pipelines' threads."""
        for pipeline in (self._own, *self._others.values()):
            pipeline.close()
