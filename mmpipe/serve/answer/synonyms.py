"""The synonyms that collections have set for themselves, followed while they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.lake.synonyms import SynonymFile, SynonymLines
from mmpipe.search.find.dictionary import dictionary
from mmpipe.search.find.synonyms import Synonyms, base, with_own
from mmpipe.serve.answer.set_files import FollowedFiles

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.settings import Settings


class OwnSynonyms(FollowedFiles[SynonymLines, Synonyms]):
    """Of every collection of a lake: what it has set, with what is shipped. Nothing is followed where the
    settings switch synonyms off."""

    def __init__(self, settings: Settings, lake: Lake) -> None:
        self._dictionary = besides = dictionary(settings.serve.dictionary)
        super().__init__(
            lake,
            what="synonyms",
            file=SynonymFile,
            make=lambda lines: with_own(lines, besides) if len(lines) else None,
        )
        self._wanted = settings.serve.synonyms

    def load(self) -> None:
        """Make what searches for words that no list has need, where synonyms are wanted: half a second of a
        CPU and more, for a thread beside the start. Until then the first such search waits."""
        if self._wanted:
            base(self._dictionary).load()

    def start(self) -> None:
        """See :class:`FollowedFiles`."""
        if self._wanted:
            super().start()

    def look(self) -> None:
        """See :class:`FollowedFiles`."""
        if self._wanted:
            super().look()
