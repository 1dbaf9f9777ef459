"""A recommender's folder: what is in its files.

``card.json`` says what it is of (:class:`mmpipe.lake.recommenders.Card`), ``form.json`` what it is made of
(:class:`Form`); ``items.safetensors`` has the ids of its items and each one's events, and every part and the
ranker a file of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.model.ids import packed
from mmpipe.schemas.interaction import EventType

FORM_FILE = "form.json"
ITEMS_FILE = "items.safetensors"
RANKER_FILE = "ranker.safetensors"
_MAX_FORM = 1_000_000

PartKind = Literal["sequence", "neighbours", "popular", "whitened", "factors"]
PartName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

# What says that a shopper likes a product; a rating from this on.
POSITIVE: frozenset[EventType] = frozenset(
    {"view", "search-click", "add-to-cart", "purchase", "like", "rating"}
)
LEAST_RATING = 3.0


class PartForm(BaseModel):
    """One part of the mixture. Its scores become shares: logits times ``sharpness`` through a softmax, or,
    with None, weights over their sum; the mixture is the sum of the shares by ``weight``. Products that the
    model knows no behaviour of have ``new_weight`` instead, which is ``weight`` where it is None.

    ``whitened`` is likeness of whitened vectors. ``fading`` is of neighbours and of that,
    ``regularization`` and ``confidence`` are of factors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: PartName
    kind: PartKind
    weight: float = Field(ge=0, le=1)
    new_weight: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    sharpness: Positive | None = None
    fading: float | None = Field(default=None, gt=0, le=1)
    regularization: Positive | None = None
    confidence: Positive | None = None

    @property
    def file(self) -> str:
        """The file with its arrays."""
        return f"part-{self.name}.safetensors"


class RankerForm(BaseModel):
    """The ranker's inputs by name, and what its probability is of: ``click``, of a product that is shown;
    ``next``, of the product that comes next among ``drawn`` ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...]
    target: Literal["click", "next"]
    drawn: int | None = Field(default=None, ge=1)


class Form(BaseModel):
    """What a recommender is made of. ``version`` is raised where an older release would misread it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9+-]{0,39}$")
    parts: tuple[PartForm, ...] = Field(min_length=1, max_length=12)
    ranker: RankerForm | None = None


def read_form(folder: Path) -> Form:
    """The form in a folder. Raises :class:`ModelUnavailable`."""
    path = folder / FORM_FILE
    try:
        if path.stat().st_size > _MAX_FORM:
            raise ModelUnavailable(f"{FORM_FILE} is larger than a form")
        return Form.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailable(f"{FORM_FILE} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ModelUnavailable(
            f"{FORM_FILE} is none that this release reads: {where}: {fault['msg']}"
        ) from error


def write_form(folder: Path, form: Form) -> None:
    """Write ``form.json``."""
    (folder / FORM_FILE).write_text(form.model_dump_json(indent=1, exclude_none=True), encoding="utf-8")


def write_items(folder: Path, product_ids: list[str], counts: NDArray[np.float32]) -> None:
    """Write the items' file: ids in the order of their UTF-8 bytes, and how many events each has."""
    from safetensors.numpy import save_file

    start, data = packed(product_ids)
    save_file({"start": start, "ids": data, "counts": counts.astype(np.float32)}, folder / ITEMS_FILE)
