"""Answers to look at: in a notebook a table with pictures, anywhere a sequence, and a pandas data frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from mmpipe.embedded import html
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Hit

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

H = TypeVar("H", bound=Hit)
R = TypeVar("R", bound="BaseModel")
# Of a long page; the others are told of without a picture.
MOST_PICTURES = 24
Pictures = Callable[[Sequence[str]], Mapping[str, str]]
"""Thumbnails of products by id, as ``data:`` addresses; blocks."""


class Results(Sequence[H], Generic[H, R]):
    """Products in the order of the answer; ``response`` is all of it, as the HTTP API gives it."""

    def __init__(self, hits: Sequence[H], response: R, about: str, pictures: Pictures) -> None:
        self._hits = hits
        self.response = response
        self._about = about
        self._pictures = pictures
        self._thumbnails: Mapping[str, str] | None = None

    def __len__(self) -> int:
        return len(self._hits)

    @overload
    def __getitem__(self, index: int) -> H: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[H]: ...
    def __getitem__(self, index: int | slice) -> H | Sequence[H]:
        return self._hits[index]

    def __iter__(self) -> Iterator[H]:
        return iter(self._hits)

    @property
    def ids(self) -> list[str]:
        """The products' ids."""
        return [hit.id for hit in self._hits]

    def to_pandas(self) -> pd.DataFrame:
        """A row for each product: the fields of a hit, and the parts of its score as ``scores.text`` and so
        on. Raises ``InvalidRequest`` without pandas."""
        return frame([_flat(hit) for hit in self._hits])

    def __repr__(self) -> str:
        lines = [f"{n:>3}  {hit.score:.3f}  {hit.id}  {hit.title}" for n, hit in enumerate(self._hits, 1)]
        return "\n".join([self._about, *lines])

    def _repr_html_(self) -> str:
        if self._thumbnails is None:
            self._thumbnails = self._pictures(self.ids[:MOST_PICTURES])
        rows = [self._row(number, hit) for number, hit in enumerate(self._hits, 1)]
        return html.table(["", "", "product", "price", "score"], rows, self._about)

    def _row(self, number: int, hit: H) -> list[str]:
        assert self._thumbnails is not None
        was = "" if hit.list_price is None else f" <s>{html.text(hit.list_price)}</s>"
        about = " · ".join(html.text(part) for part in (hit.brand, hit.category) if part)
        return [
            str(number),
            html.picture(self._thumbnails.get(hit.id), hit.title),
            f"<b>{html.text(hit.title)}</b><br>{about}<br><code>{html.text(hit.id)}</code>",
            f"{html.text(hit.price)}{was}",
            f"{hit.score:.3f}<br><small>{html.text(_why(hit))}</small>",
        ]


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A data frame of these rows. Raises ``InvalidRequest`` without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise InvalidRequest("to_pandas", "needs the package pandas: pip install pandas") from None
    return pd.DataFrame(list(rows))


def _flat(hit: Hit) -> dict[str, Any]:
    row = hit.model_dump(exclude={"scores", "explanation", "variants", "highlights", "fields"})
    row |= {
        f"scores.{name}": value for name, value in (hit.scores.model_dump() if hit.scores else {}).items()
    }
    return row | {f"fields.{name}": value for name, value in hit.fields.items()}


def _why(hit: Hit) -> str:
    why = getattr(hit, "why", None)
    if why:
        return "; ".join(part.text for part in why[:2])
    parts = (
        {} if hit.scores is None else {n: v for n, v in hit.scores.model_dump().items() if abs(v) >= 0.0005}
    )
    return ", ".join(f"{name} {value:.2f}" for name, value in sorted(parts.items(), key=lambda p: -abs(p[1])))
