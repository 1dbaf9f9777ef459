"""Recommenders in the registry, and the pointer to the one that readers follow, on every object store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mmpipe.errors import CommitConflict, InvalidRequest, ModelUnavailable, NotFound, StorageUnavailable
from mmpipe.lake.model_loading import load_profile
from mmpipe.lake.models import RegisteredModel
from mmpipe.lake.recommenders import KEEP_FORMER, Card, RecommenderPointer, may_hold_erased
from mmpipe.schemas.people import Erasure
from mmpipe.settings import LakeSettings, ModelSettings, Settings, StorageSettings
from tests.contract.test_models import Place, endpoint, place, register, trained

__all__ = ["endpoint", "place"]  # fixtures

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CARD = Card(collection="shop", profile="0123456789abcdef", trained_through=NOW, events=10, shoppers=3)


def exported(folder: Path, seed: int = 0, card: Card | str | None = CARD) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    save_file({"item_embedding": rng.standard_normal((4, 4)).astype(np.float32)}, folder / "part.safetensors")
    if card is not None:
        (folder / "card.json").write_text(card if isinstance(card, str) else card.model_dump_json())
    return folder


def recommend(place: Place, folder: Path, name: str = "shop-recommender") -> RegisteredModel:
    return place.models.register(
        name, folder, kind="recommender", metrics={"ndcg@10": 0.1}, data_fingerprint="10 events", parent=None
    )


def pointer_of(place: Place) -> RecommenderPointer:
    return RecommenderPointer(place.store, f"{place.uri}/shop/recommender.json")


def test_a_recommender_is_registered_by_its_card(place: Place, tmp_path: Path) -> None:
    record = recommend(place, exported(tmp_path / "a"))
    assert (record.kind, record.card, record.profile_fingerprint) == ("recommender", CARD, CARD.profile)
    assert place.another().get("shop-recommender") == record
    assert place.models.recommenders("shop") == [record]
    assert place.models.recommenders("other") == []
    assert recommend(place, tmp_path / "a") == record
    assert place.models.register_again("shop-recommender") == record
    fetched = place.models.fetch(record)
    assert {path.name for path in fetched.iterdir()} == {"part.safetensors", "card.json"}
    place.store.delete(place.file(record, "part.safetensors"))
    with pytest.raises(ModelUnavailable, match="from the lake; it is refused"):
        place.models.verify(record)
    # Trained on later events, the same weights are another revision.
    later = CARD.model_copy(update={"trained_through": NOW + timedelta(days=1)})
    assert recommend(place, exported(tmp_path / "b", card=later)).revision != record.revision


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (None, "holds card.json"),
        ("{}", "card.json: collection"),
        ("[", "card.json"),
        (CARD.model_dump_json().replace(CARD.profile, "latest"), "card.json: profile"),
        (CARD.model_dump_json()[:-1] + ',"more":1}', "card.json: more"),
        (" " * 1_000_001, "larger than a card"),
    ],
)
def test_a_folder_without_a_card_that_can_be_used_is_refused(
    place: Place, tmp_path: Path, card: str | None, told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told):
        recommend(place, exported(tmp_path / "a", card=card))
    assert place.models.list() == []


def test_a_name_has_one_kind(place: Place, tmp_path: Path) -> None:
    register(place, trained(tmp_path / "profile"))
    with pytest.raises(InvalidRequest, match="'my-shop' names a starter, no recommender"):
        recommend(place, exported(tmp_path / "a"), "my-shop")
    recommend(place, tmp_path / "a")
    with pytest.raises(InvalidRequest, match="names a recommender, no starter"):
        register(place, tmp_path / "profile", "shop-recommender")


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("card"),
        lambda record: record["card"].update(profile="f" * 16),
        lambda record: record.update(kind="starter"),
        lambda record: record["sizes"].update({"part.safetensors": 10**10}),
    ],
)
def test_a_changed_record_is_refused(place: Place, tmp_path: Path, change: object) -> None:
    record = recommend(place, exported(tmp_path / "a"))
    uri = f"{place.uri}/models/shop-recommender/{record.revision}.json"
    data = json.loads(place.store.read(uri, max_bytes=100_000)[0])
    change(data)  # type: ignore[operator]
    place.store.write(uri, json.dumps(data).encode())
    with pytest.raises(ModelUnavailable, match="is no record"):
        place.models.get("shop-recommender")


def test_a_recommender_encodes_nothing(tmp_path: Path) -> None:
    place = Place(f"file://{tmp_path}/lake", StorageSettings(), tmp_path / "cache")
    recommend(place, exported(tmp_path / "a"))
    settings = Settings(
        lake=LakeSettings(uri=place.uri), models=ModelSettings(cache_dir=str(tmp_path / "cache"))
    )
    with pytest.raises(ModelUnavailable, match="is a recommender, which encodes nothing"):
        load_profile("shop-recommender", settings)


def test_removing_takes_what_nobody_else_names(place: Place, tmp_path: Path) -> None:
    first = recommend(place, exported(tmp_path / "a", 1))
    second = recommend(
        place, exported(tmp_path / "b", 1, CARD.model_copy(update={"trained_through": NOW + timedelta(1)}))
    )
    profile = register(place, trained(tmp_path / "profile"))
    place.models.remove(first)
    assert place.models.recommenders("shop") == [second]
    place.models.verify(second)  # the weights that both had are still there
    assert not list(place.store.list(f"{place.uri}/models/files/{first.files['card.json']}"))
    place.models.remove(first)
    with pytest.raises(InvalidRequest, match="is a profile"):
        place.models.remove(profile)
    place.models.remove(second)
    place.models.verify(profile)
    assert len(list(place.store.list(f"{place.uri}/models/files/"))) == len(profile.files)


def test_the_pointer_is_followed_and_rolled_back(place: Place) -> None:
    pointer = pointer_of(place)
    assert pointer.read() is None
    with pytest.raises(NotFound, match="no earlier"):
        pointer.rollback()
    first = pointer.switch("a", "1" * 16, reason="first", former=None)
    assert (first.generation, first.name) == (1, "a")
    other = pointer_of(place)
    seen = other.read()
    assert seen is not None
    assert seen.live == first
    assert other.read() is seen  # nothing changed, nothing was read again
    pointer.switch("b", "2" * 16, reason="x" * 500, former=pointer.read())
    pointer.switch(None, None, reason="off", former=pointer.read())
    content = other.read()
    assert content is not None
    assert (content.live.name, content.live.generation) == (None, 3)
    assert [entry.name for entry in content.history] == ["a", "b"]
    back = pointer.rollback()
    assert (back.name, back.restores) == ("b", 2)
    again = pointer.rollback()
    assert (again.name, again.restores, again.generation) == ("a", 1, 5)
    with pytest.raises(NotFound):
        pointer.rollback()
    # From there it goes on forward.
    pointer.switch("c", "3" * 16, reason="", former=pointer.read())
    assert pointer.rollback().name == "a"


def test_of_two_that_switch_at_once_one_wins(place: Place) -> None:
    pointer = pointer_of(place)
    pointer.switch("a", "1" * 16, reason="", former=None)
    former = pointer.read()

    def attempt(n: int) -> bool:
        try:
            pointer_of(place).switch("b", f"{n:016x}", reason="", former=former)
        except CommitConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1
    with pytest.raises(CommitConflict):
        pointer_of(place).switch("a", "1" * 16, reason="", former=None)


def test_history_is_bounded_and_forgets(place: Place) -> None:
    pointer = pointer_of(place)
    for n in range(KEEP_FORMER + 3):
        pointer.switch("a", f"{n:016x}", reason="", former=pointer.read())
    content = pointer.read()
    assert content is not None
    assert len(content.history) == KEEP_FORMER
    gone = {content.history[-1].revision, content.history[-3].revision}
    pointer.forget({revision for revision in gone if revision is not None})
    content = pointer.read()
    assert content is not None
    assert len(content.history) == KEEP_FORMER - 2
    assert content.live.revision is not None
    with pytest.raises(CommitConflict, match="switch first"):
        pointer.forget({content.live.revision})
    pointer.forget({"f" * 16})
    assert pointer.read() == content


@pytest.mark.parametrize("data", [b"", b"[]", b'{"live": {"generation": 0}}', b"\xff"])
def test_a_damaged_pointer_says_what_to_do(place: Place, data: bytes) -> None:
    pointer = pointer_of(place)
    place.store.write(pointer.uri, data)
    with pytest.raises(StorageUnavailable, match="restore or remove it"):
        pointer.read()


def test_erasures_of_before_the_training_are_none_of_its_business() -> None:
    def erasure(name: str, at: datetime, events: int) -> Erasure:
        return Erasure(record_id=name, collection="shop", at=at, users=("u",), events=events)

    found = may_hold_erased(
        CARD,
        [
            erasure("before", NOW - timedelta(seconds=1), 5),
            erasure("at", NOW, 5),
            erasure("after", NOW + timedelta(days=1), 5),
            erasure("of nothing", NOW + timedelta(days=1), 0),
        ],
    )
    assert found == ["at", "after"]
