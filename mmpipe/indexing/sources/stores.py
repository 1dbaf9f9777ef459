"""Which object store serves an address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mmpipe.objects import open_store

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings


def stores(settings: Settings) -> Callable[[str], ObjectStore]:
    """A function from an address to the store that holds it. A file's store reaches that file and nothing
    else.
    """
    return partial(open_store, settings=settings.storage)
