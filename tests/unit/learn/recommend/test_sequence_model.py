"""The sequence model: its maths, what it learns, and that it does so again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from mmpipe.learn.recommend.holding import gain, hold_out  # noqa: E402
from mmpipe.learn.recommend.sasrec import SasRec, SasRecConfig, read_file  # noqa: E402
from mmpipe.learn.recommend.train import (  # noqa: E402
    SequenceModel,
    TrainSettings,
    ranks,
    scores,
    shape_of,
    train,
)

ITEMS = 30
SMALL = TrainSettings(
    dim=16, events=256, epochs=12, patience=12, dropout=0.0, learning_rate=1e-2, average=0.5
)


def walks(count: int = 200, length: int = 7, items: int = ITEMS) -> list[NDArray[np.int32]]:
    """Everybody goes on by three."""
    rng = np.random.default_rng(0)
    return [((np.arange(length) * 3 + rng.integers(items)) % items).astype(np.int32) for _ in range(count)]


def by_hand(tensors: dict[str, NDArray[np.float32]], history: list[int], heads: int) -> NDArray[np.float64]:
    """The maths of the module's text, a step at a time."""
    table = tensors["item_embedding"].astype(np.float64)
    dim = table.shape[1]

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-5) * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    x = np.sqrt(dim) * table[history]
    count, width = len(history), dim // heads
    for layer in range(len(tensors["distance_bias"])):
        name = f"layers.{layer}"
        query, key, value = np.split(linear(norm(x, f"{name}.attention_norm"), f"{name}.qkv"), 3, axis=-1)
        seen = np.zeros_like(x)
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            bias = tensors["distance_bias"][layer, head]
            for t in range(count):
                logits = np.array([
                    query[t, part] @ key[s, part] / np.sqrt(width) + bias[t - s]
                    for s in range(t + 1)
                ])  # fmt: skip
                weights = np.exp(logits - logits.max())
                seen[t, part] = (weights / weights.sum()) @ value[: t + 1, part]
        x = x + linear(seen, f"{name}.out")
        x = x + linear(np.maximum(0, linear(norm(x, f"{name}.ffn_norm"), f"{name}.up")), f"{name}.down")
    return norm(x[-1], "norm") @ table.T


def test_the_file_and_its_maths_give_the_networks_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(ITEMS, 6)).astype(np.float32)
    features[3] = 0
    config = SasRecConfig(items=ITEMS, dim=8, heads=2, max_len=5, features=6)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trained = np.arange(ITEMS) % 7 != 3
        network = SasRec(config, trained, features).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    network.save(tmp_path / "model.safetensors")
    read, tensors = read_file(tmp_path / "model.safetensors")
    assert read == config
    history = [4, 9, 1, 9, 28, 17]
    expected = by_hand(tensors, history[-5:], 2)  # type: ignore[arg-type]
    given = scores(network, [np.array(history, np.int32)])[0]
    shown = tensors["scorable"].astype(bool)
    np.testing.assert_allclose(given[shown], expected[shown], rtol=1e-4, atol=1e-4)
    assert not shown[3]
    assert np.all(given[~shown] == -np.inf)
    # An item without a row is what its features make of it; so is one nobody was seen with.
    alone = features[10] @ tensors["feature_weight"] + tensors["feature_bias"]
    np.testing.assert_allclose(alone, tensors["item_embedding"][10], rtol=1e-4, atol=1e-5)


def test_what_comes_later_does_not_change_what_was_foretold() -> None:
    network = SasRec(SasRecConfig(items=ITEMS, dim=8, max_len=10)).eval()
    table = network.table()
    whole = torch.tensor([[1, 5, 2, 8, 9]])
    with torch.no_grad():
        states, shorter = network.states(whole, table), network.states(whole[:, :3], table)
    torch.testing.assert_close(states[:, :3], shorter)


def test_histories_of_any_length_in_one_call_are_as_alone() -> None:
    network = SasRec(SasRecConfig(items=ITEMS, dim=8, max_len=10)).eval()
    rng = np.random.default_rng(0)
    histories = [rng.integers(0, ITEMS, n).astype(np.int32) for n in (1, 12, 3, 10, 1, 400)]
    together = scores(network, histories)
    for row, history in zip(together, histories, strict=True):
        np.testing.assert_allclose(row, scores(network, [history])[0], rtol=1e-4, atol=1e-5)


def foretold(model: SequenceModel, sequences: list[NDArray[np.int32]]) -> float:
    """NDCG@10 of the last items."""
    assert model.trained is not None
    targets = np.array([sequence[-1] for sequence in sequences], dtype=np.int64)
    return gain(ranks(model.trained.network, [sequence[:-1] for sequence in sequences], targets))


def test_a_pattern_is_learnt() -> None:
    sequences = walks()
    model = SequenceModel(SMALL)
    model.fit([sequence[:-1] for sequence in sequences], ITEMS)
    assert foretold(model, sequences) > 0.95


def test_a_pattern_is_learnt_from_drawn_items() -> None:
    sequences = walks()
    settings = TrainSettings(
        dim=16, events=256, epochs=12, patience=12, dropout=0.0, learning_rate=1e-2, average=0.5,
        full_softmax=10, negatives=15,
    )  # fmt: skip
    model = SequenceModel(settings)
    model.fit([sequence[:-1] for sequence in sequences], ITEMS)
    assert foretold(model, sequences) > 0.8


def test_the_same_seed_gives_the_same_model_whatever_came_before() -> None:
    sequences = walks(60)
    found = []
    for _ in range(2):
        torch.rand(3)
        found.append(train(sequences, ITEMS, None, SMALL, epochs=2).network.export())
    other = train(
        sequences, ITEMS, None, TrainSettings(seed=8, dim=16, events=256), epochs=2
    ).network.export()
    for name, tensor in found[0].items():
        np.testing.assert_array_equal(tensor, found[1][name])
    assert not np.array_equal(found[0]["item_embedding"], other["item_embedding"])


def test_new_items_are_scored_by_their_features() -> None:
    # Items come in five groups that features name, and who bought of one goes on to the next group.
    rng = np.random.default_rng(0)
    features = np.eye(5, dtype=np.float32)[np.arange(ITEMS) % 5] + 0.05 * rng.normal(size=(ITEMS, 5)).astype(
        "f"
    )
    sequences = []
    for _ in range(300):
        group = rng.integers(5)
        sequences.append(np.array([(group + k) % 5 + 5 * rng.integers(5) for k in range(6)], np.int32))
    model = SequenceModel(SMALL)
    model.fit(sequences, ITEMS, features)  # codes from 25 on are in nobody's history
    new = model.scores([np.array([2, 8, 14], np.int32)])[0][25:]
    assert int(new.argmax()) == 0  # the group after the fourth is the first


def test_an_item_without_behaviour_or_features_has_no_score() -> None:
    model = SequenceModel(SMALL)
    model.fit(walks(40), ITEMS + 2)
    assert np.all(model.scores([np.array([1], np.int32)])[0, ITEMS:] == -np.inf)


def test_the_clock_ends_training() -> None:
    settings = TrainSettings(dim=16, epochs=10_000, patience=10_000, seconds=0.2)
    found = train(walks(50), ITEMS, None, settings, epochs=10_000)
    assert 1 <= found.epochs < 10_000


def test_ranks_count_ties_and_leave_out_the_history() -> None:
    network = SasRec(SasRecConfig(items=6, dim=4)).eval()
    with torch.no_grad():
        network.item.weight[1] = network.item.weight[2]
    history = np.array([0, 3], np.int32)
    row = scores(network, [history])[0]
    row[history] = -np.inf
    found = ranks(network, [history], np.array([1]))
    assert found[0] == np.count_nonzero(row >= row[1])
    assert gain(np.array([1, 3, 11])) == pytest.approx((1 + 0.5) / 3)


def test_long_histories_ask_for_less_dropout_and_a_longer_look_back() -> None:
    short = shape_of(TrainSettings(), walks(20, 6), ITEMS, 0)
    long = shape_of(TrainSettings(), walks(20, 160), ITEMS, 0)
    assert (short.dropout, short.max_len) == (0.5, 50)
    assert (long.dropout, long.max_len) == (0.2, 160)


def test_the_held_out_item_is_the_last_one_and_never_one_seen_before() -> None:
    sequences = [np.array(each, np.int32) for each in ([1, 2, 3], [4], [5, 6, 5], [7, 8])]
    held = hold_out(sequences, 0)
    assert [each.tolist() for each in held.train] == [[1, 2], [4], [5, 6, 5], [7]]
    assert held.targets.tolist() == [3, 8]
    assert [each.tolist() for each in hold_out(sequences, 0, users=1).histories] in ([[1, 2]], [[7]])
