"""The live versions of a lake's collections, as searches ask them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mmpipe.lake.model_loading import fusion_of
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.search.versions.review_photos import FollowedPhotos
from mmpipe.search.versions.store import VersionStore
from mmpipe.search.versions.version import Version

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.fusion import Fusion
    from mmpipe.lake import Lake
    from mmpipe.settings import Settings


class LiveVersions(VersionStore[Version]):
    """Versions of the collections that were asked for, each following its live one.

    ``check`` is called with a new version's profile before it is swapped in, off the query path: it may load
    that profile's encoders, and refuses the version by raising :class:`ProfileMismatch` or
    :class:`ModelUnavailable`. ``clock`` tells the moment that prices are of, in Unix seconds. ``folder`` is
    where packs and copies of tables are; without one that of the settings is opened, and closed with this.
    ``mine`` leaves out fragments by their number.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        *,
        check: Callable[[Profile], None] | None = None,
        clock: Callable[[], float] = time.time,
        folder: NodeFolder | None = None,
        mine: Callable[[int], bool] | None = None,
    ) -> None:
        put_together = partial(
            load,
            exact_rows=settings.serve.exact_rows,
            check=check,
            fusion_for=_fusions(settings),
            mine=mine,
        )
        held = NodeFolder(settings.serve.mirror_dir) if folder is None else folder
        self._photos = FollowedPhotos(settings, held)
        super().__init__(
            settings,
            lake,
            put_together,
            beside=self._photos.follow,
            forget_beside=self._photos.forget,
            folder=held,
            clock=clock,
        )
        self._own = None if folder is not None else held

    def close(self) -> None:
        """See :meth:`VersionStore.close`."""
        super().close()
        self._photos.close()
        if self._own is not None:
            self._own.close()


def _fusions(settings: Settings) -> Callable[[Profile], Fusion]:
    found: dict[str, Fusion] = {}

    def fusion_for(profile: Profile) -> Fusion:
        # Once per profile: finding a registered model asks the store, and versions follow one another fast.
        fusion = found.get(profile.fingerprint)
        if fusion is None:
            fusion = found[profile.fingerprint] = fusion_of(profile, settings)
        return fusion

    return fusion_for
