"""What a schedule asks for: the contract between the timetable (EventBridge) and the cluster's jobs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from mmpipe.schemas.names import COLLECTION_PATTERN


def _collection_name(name: str) -> str:
    if not COLLECTION_PATTERN.fullmatch(name):
        raise ValueError(f"{name[:80]!r} cannot name a collection")
    return name


Task = Literal["maintain", "retrain", "settle"]
CollectionName = Annotated[str, AfterValidator(_collection_name)]
# A leading "-" would read as an option of the job's command.
Address = Annotated[str, StringConstraints(pattern=r"^[^-\s\x00-\x1f][^\x00-\x1f]*$", max_length=2_000)]


class MaintenanceDue(BaseModel):
    """One scheduled task. The same task, time and options always mean the same job.

    ``maintain``: indexes, compaction and clean-up of ``collections`` (of all, where none is named).
    ``retrain``: train encoders on ``catalogue``, a feed's address, and the recommenders of the collections
    ``recommender`` on what their shoppers did; at least one of both.
    ``settle``: charge what replicas sold in ``collections`` (in all, where none is named) and did not charge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    time: AwareDatetime = Field(description="when it was due, not when it was delivered")
    collections: tuple[CollectionName, ...] = ()
    catalogue: Address | None = None
    recommender: tuple[CollectionName, ...] = ()

    @model_validator(mode="after")
    def _options_belong_to_the_task(self) -> Self:
        if self.task == "retrain" and self.catalogue is None and not self.recommender:
            raise ValueError(
                "catalogue: retrain needs the address of a feed to train on, or a recommender's collections"
            )
        if self.task != "retrain" and (self.catalogue is not None or self.recommender):
            raise ValueError("catalogue, recommender: only retrain takes them")
        if self.task == "retrain" and self.collections:
            raise ValueError("collections: retrain takes none of them")
        return self
