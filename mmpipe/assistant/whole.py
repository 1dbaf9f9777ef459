"""A shop of one version in this process, asked without a service: evaluation and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.assistant.shop import Found, found_of
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.search import EncodedQuery, Searcher, Version
    from mmpipe.search.find.meaning import Meaning


@dataclass(frozen=True)
class WholeShop:
    """``encode`` makes a request a query by the models of the version."""

    version: Version
    searcher: Searcher
    encode: Callable[[SearchRequest], EncodedQuery]

    async def meaning(self, text: str) -> Meaning | None:
        """See :class:`~mmpipe.assistant.shop.Shop`."""
        return self.searcher.meaning(self.version, SearchRequest(text=text, understand="filter"))

    async def search(self, request: SearchRequest) -> Found:
        """See :class:`~mmpipe.assistant.shop.Shop`."""
        return found_of(self.searcher.ask(self.version, request, self.encode).body)

    async def products(self, ids: Sequence[str]) -> list[PublicProduct]:
        """See :class:`~mmpipe.assistant.shop.Shop`."""
        rows = [row for each in ids if (row := self.version.find(each)) is not None]
        return self.version.products(np.array(rows, np.int32))
