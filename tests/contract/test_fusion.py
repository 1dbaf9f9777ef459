"""What every kind of fusion must do, held against each kind with weights that are far from their start."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import MODALITIES, FusionInfo, FusionKind, Modality, Vectors
from mmpipe.errors import ModelUnavailable
from mmpipe.fusion import Fusion, build, load, slots
from mmpipe.fusion.attention import shapes

DIM = 16
WEIGHTS = {"text": 0.5, "image": 0.35, "audio": 0.05, "video": 0.1}
KINDS: tuple[FusionKind, ...] = ("weighted_mean", "concat_projection", "gated_attention", "slots")
Mask = NDArray[np.bool_]


def tensors_of(kind: str, seed: int = 3) -> dict[str, Vectors]:
    rng = np.random.default_rng(seed)
    if kind == "concat_projection":
        return {"projection": rng.standard_normal((4, DIM, DIM)).astype(np.float32)}
    if kind == "gated_attention":
        return {name: rng.standard_normal(s).astype(np.float32) for name, s in shapes(DIM, 8).items()}
    if kind == "slots":
        directions = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
        found = {name: rng.standard_normal(s) for name, s in slots.shapes(DIM, 6).items()}
        found |= {"basis": directions[:, :6], "moved": directions[:, 6:12]}
        found["asked"] = slots.plain(6) + 0.1 * found["asked"]
        found["gate"] *= 0.3
        found["reach"] = np.array([8.0, 8.0])
        found["shares"] = np.array([0.4, 0.6])
        return {name: tensor.astype(np.float32) for name, tensor in found.items()}
    return {}


@pytest.fixture(params=KINDS)
def fusion(request: pytest.FixtureRequest) -> Fusion:
    return build(FusionInfo(request.param, "1", WEIGHTS), tensors_of(request.param))


def rows(n: int, seed: int = 0, share: float = 0.6) -> tuple[dict[Modality, Vectors], dict[Modality, Mask]]:
    rng = np.random.default_rng(seed)
    vectors: dict[Modality, Vectors] = {}
    for m in MODALITIES:
        matrix = rng.standard_normal((n, DIM)).astype(np.float32)
        vectors[m] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return vectors, {m: rng.random(n) < share for m in MODALITIES}


def everywhere(n: int, *names: Modality) -> dict[Modality, Mask]:
    return {m: np.ones(n, np.bool_) for m in names}


def only(vectors: Mapping[Modality, Vectors], *names: Modality) -> dict[Modality, Vectors]:
    return {m: vectors[m] for m in names}


def test_is_a_fusion(fusion: Fusion) -> None:
    assert isinstance(fusion, Fusion)


def test_unit_length_float32_and_a_mask_of_the_rows_that_have_any(fusion: Fusion) -> None:
    vectors, present = rows(64, share=0.4)
    fused, found = fusion.fuse(vectors, present)
    has_any = np.any(list(present.values()), axis=0)
    assert fused.dtype == np.float32
    assert fused.shape == (64, DIM)
    assert not has_any.all()
    np.testing.assert_array_equal(found, has_any)
    np.testing.assert_allclose(np.linalg.norm(fused[found], axis=1), 1, rtol=1e-5)
    assert not fused[~found].any()


def test_what_a_masked_row_holds_is_never_looked_at(fusion: Fusion) -> None:
    vectors, present = rows(32)
    fused, found = fusion.fuse(vectors, present)
    for junk in (np.nan, np.inf, 1e30):
        spoiled = {m: np.where(present[m][:, None], v, np.float32(junk)) for m, v in vectors.items()}
        again, found_again = fusion.fuse(spoiled, present)
        np.testing.assert_array_equal(again, fused)
        np.testing.assert_array_equal(found_again, found)
        parts = fusion.parts(spoiled, present)
        assert all(np.isfinite(part).all() for part in parts.values())


@pytest.mark.parametrize("names", [pair for size in (1, 2, 3) for pair in combinations(MODALITIES, size)])
def test_a_missing_modality_is_as_if_it_did_not_exist(fusion: Fusion, names: tuple[Modality, ...]) -> None:
    vectors, _ = rows(8)
    masked = everywhere(8, *names) | {m: np.zeros(8, np.bool_) for m in MODALITIES if m not in names}
    with_masked, _ = fusion.fuse(vectors, masked)
    without, _ = fusion.fuse(only(vectors, *names), everywhere(8, *names))
    np.testing.assert_allclose(with_masked, without, atol=1e-6)


def test_parts_sum_to_the_fused_vector_and_absent_ones_have_none(fusion: Fusion) -> None:
    vectors, present = rows(64, seed=5)
    fused, _ = fusion.fuse(vectors, present)
    parts = fusion.parts(vectors, present)
    np.testing.assert_allclose(np.sum(list(parts.values()), axis=0), fused, atol=1e-5)
    for m in MODALITIES:
        assert parts[m].shape == (64, DIM)
        assert parts[m].dtype == np.float32
        assert not parts[m][~present[m]].any()


def test_equal_input_gives_equal_bits(fusion: Fusion) -> None:
    vectors, present = rows(40)
    first, _ = fusion.fuse(vectors, present)
    second, _ = fusion.fuse(dict(reversed(vectors.items())), dict(reversed(present.items())))
    np.testing.assert_array_equal(first, second)


def test_a_row_does_not_depend_on_the_rows_beside_it(fusion: Fusion) -> None:
    vectors, present = rows(300)
    fused, _ = fusion.fuse(vectors, present)
    order = np.random.default_rng(1).permutation(300)
    shuffled, _ = fusion.fuse(
        {m: v[order] for m, v in vectors.items()}, {m: p[order] for m, p in present.items()}
    )
    np.testing.assert_allclose(shuffled, fused[order], atol=2e-6)
    alone, _ = fusion.fuse({m: v[7:8] for m, v in vectors.items()}, {m: p[7:8] for m, p in present.items()})
    np.testing.assert_allclose(alone, fused[7:8], atol=2e-6)


def test_weights_shift_towards_what_they_favour_and_zero_is_absent(fusion: Fusion) -> None:
    vectors, _ = rows(16)
    pair, there = only(vectors, "text", "image"), everywhere(16, "text", "image")
    plain, _ = fusion.fuse(pair, there)
    even, _ = fusion.fuse(pair, there, {"text": 1.0, "image": 1.0})
    np.testing.assert_array_equal(plain, even)
    alone, _ = fusion.fuse(only(vectors, "image"), everywhere(16, "image"))
    leaning, _ = fusion.fuse(pair, there, {"text": 1e-4, "image": 1.0})
    silent, found = fusion.fuse(pair, there, {"text": 0.0, "image": 1.0})
    unnamed, _ = fusion.fuse(pair, there, {"image": 1.0})
    np.testing.assert_allclose(silent, alone, atol=1e-6)
    np.testing.assert_array_equal(silent, unnamed)
    assert found.all()
    assert np.abs(leaning - plain).max() > 1e-2
    _, nothing = fusion.fuse(pair, there, {"audio": 1.0})
    assert not nothing.any()


def test_rows_with_nothing_and_no_rows(fusion: Fusion) -> None:
    vectors, _ = rows(3)
    nowhere = {m: np.zeros(3, np.bool_) for m in MODALITIES}
    fused, found = fusion.fuse(vectors, nowhere)
    assert not found.any()
    assert not fused.any()
    assert not any(p.any() for p in fusion.parts(vectors, nowhere).values())
    empty, found = fusion.fuse({"text": np.zeros((0, DIM), np.float32)}, {"text": np.zeros(0, np.bool_)})
    assert empty.shape == (0, DIM)
    assert found.shape == (0,)
    with pytest.raises(ValueError, match="at least one modality"):
        fusion.fuse({}, {})


def test_attention_starts_as_the_weighted_mean() -> None:
    tensors = tensors_of("gated_attention")
    tensors["gate"][:], tensors["correct"][:] = 0, 0
    tensors["prior"][:] = np.log([WEIGHTS[m] for m in MODALITIES])
    vectors, present = rows(32)
    mean = build(FusionInfo("weighted_mean", "1", WEIGHTS), {})
    gated = build(FusionInfo("gated_attention", "1", WEIGHTS), tensors)
    np.testing.assert_allclose(gated.fuse(vectors, present)[0], mean.fuse(vectors, present)[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_tensors_that_do_not_fit_are_refused(kind: FusionKind) -> None:
    info = FusionInfo(kind, "1", WEIGHTS)
    with pytest.raises(ModelUnavailable, match="must have shape"):
        build(info, {})
    tensors = tensors_of(kind)
    last = sorted(tensors)[-1]
    tensors[last] = tensors[last][..., :-1]
    with pytest.raises(ModelUnavailable, match="must have shape"):
        build(info, tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_named_by_its_digest(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "fusion.safetensors"
    meta = {"kind": kind, "weights": '{"text": 1.0, "image": 0.5}'}
    save_file(tensors_of(kind) or {"weights": np.ones(4, np.float32)}, path, metadata=meta)
    info = fusion_file.describe(path)
    assert (info.kind, info.weights) == (kind, {"text": 1.0, "image": 0.5})
    vectors, present = rows(8)
    expected, _ = build(info, tensors_of(kind)).fuse(vectors, present)
    np.testing.assert_array_equal(load(info, tmp_path).fuse(vectors, present)[0], expected)
    save_file(tensors_of(kind, seed=4) or {"weights": np.zeros(4, np.float32)}, path, metadata=meta)
    other = fusion_file.describe(path)
    assert other.revision != info.revision
    if kind != "weighted_mean":
        with pytest.raises(ModelUnavailable, match="and there is no fusion"):
            load(info, tmp_path / "elsewhere")
        load(other, tmp_path)
        with pytest.raises(ModelUnavailable, match="index again"):
            load(FusionInfo(info.kind, "0" * 16, info.weights), tmp_path)


@pytest.mark.parametrize(
    "meta", [{}, {"kind": "magic", "weights": "{}"}, {"kind": "weighted_mean", "weights": "[1]"}]
)
def test_a_file_that_says_no_kind_is_refused(meta: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "fusion.safetensors"
    save_file({"weights": np.ones(4, np.float32)}, path, metadata=meta)
    with pytest.raises(ModelUnavailable, match="fusion weights"):
        fusion_file.describe(path)
    path.write_bytes(b"not tensors")
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        fusion_file.describe(path)


@pytest.mark.parametrize("kind", KINDS)
def test_products_of_one_modality_are_their_own_vectors(kind: FusionKind) -> None:
    single = build(FusionInfo(kind, "1", WEIGHTS, single=True), tensors_of(kind))
    usual = build(FusionInfo(kind, "1", WEIGHTS), tensors_of(kind))
    vectors, _ = rows(6)
    pair = only(vectors, "text", "image")
    there = everywhere(6, "text", "image")
    there["text"][:4] = False
    fused, whole = single.fuse(pair, there)[0], usual.fuse(pair, there)[0]
    np.testing.assert_allclose(fused[:4], vectors["image"][:4], atol=1e-6)
    np.testing.assert_allclose(fused[4:], whole[4:], atol=1e-6)
    parts = single.parts(pair, there)
    np.testing.assert_allclose(parts["text"] + parts["image"], fused, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_query_of_one_modality_is_its_own_vector(kind: FusionKind, modality: Modality) -> None:
    vectors, _ = rows(6)
    asked, found = build(FusionInfo(kind, "1", WEIGHTS), tensors_of(kind)).ask(
        only(vectors, modality), everywhere(6, modality), {modality: 0.3}
    )
    assert found.all()
    np.testing.assert_allclose(asked, vectors[modality], atol=1e-6)


def test_a_query_of_several_is_fused_as_a_product_is_and_weights_count(fusion: Fusion) -> None:
    vectors, _ = rows(6)
    there = everywhere(6, *MODALITIES)
    asked, _ = fusion.ask(vectors, there)
    leaning, _ = fusion.ask(vectors, there, {"text": 1.0, "image": 1e-3, "audio": 0.0})
    alone, _ = fusion.ask(only(vectors, "text"), everywhere(6, "text"))
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), 1, rtol=1e-5)
    if fusion.info.kind != "slots":
        np.testing.assert_array_equal(asked, fusion.fuse(vectors, there)[0])
    if fusion.info.kind in ("weighted_mean", "slots"):
        assert ((leaning * alone).sum(1) > (asked * alone).sum(1)).all()
    _, found = fusion.ask(only(vectors, "text"), {"text": np.zeros(6, np.bool_)})
    assert not found.any()


@pytest.mark.parametrize("modality", MODALITIES)
def test_nearness_is_the_cosine_with_a_product_that_is_the_query_in_all_it_has(modality: Modality) -> None:
    vectors, _ = rows(6)
    same = dict.fromkeys(MODALITIES, vectors["text"])
    there = everywhere(6, *MODALITIES)
    for kind in ("weighted_mean", "slots"):
        kinds = build(FusionInfo(kind, "1", WEIGHTS), tensors_of(kind))
        query, _ = kinds.ask({modality: vectors["text"]}, everywhere(6, modality))
        cosines = (query * kinds.fuse(same, there)[0]).sum(1)
        np.testing.assert_allclose(cosines, kinds.nearness(modality), atol=1e-5)


def slotted(**weights: float) -> tuple[Fusion, dict[str, Vectors]]:
    tensors = tensors_of("slots")
    return build(FusionInfo("slots", "1", weights or WEIGHTS), tensors), tensors


def units(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def within(vectors: Vectors, tensors: Mapping[str, Vectors]) -> Vectors:
    """The same, brought into the joint space of the slots."""
    inside = vectors @ tensors["basis"] @ tensors["basis"].T
    return np.asarray(inside / np.linalg.norm(inside, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize(("asked", "other"), [("text", "image"), ("image", "text"), ("video", "text")])
def test_in_slots_a_query_ranks_products_by_its_own_modality(asked: Modality, other: Modality) -> None:
    fusion, tensors = slotted()
    vectors = {m: within(v, tensors) for m, v in rows(200, seed=8)[0].items()}
    query = within(rows(20, seed=9)[0][asked], tensors)
    products, _ = fusion.fuse(only(vectors, asked, other), everywhere(200, asked, other))
    cosines = fusion.ask({asked: query}, everywhere(20, asked))[0] @ products.T
    own, foreign = query @ vectors[asked].T, query @ vectors[other].T
    share = {"words": 0.4, "looks": 0.6}[slots.SLOT_OF[asked]]
    expected = share * own + slots.ASIDE * (1 - share) * foreign
    expected /= np.hypot(np.sqrt(share), slots.ASIDE * np.sqrt(1 - share))
    np.testing.assert_allclose(cosines, expected, atol=1e-5)


def test_in_slots_a_product_fills_what_it_lacks_from_what_it_has() -> None:
    fusion, tensors = slotted()
    vectors, _ = rows(10)
    products, _ = fusion.fuse(only(vectors, "text"), everywhere(10, "text"))
    inside = within(vectors["text"], tensors) @ tensors["basis"]
    norm = np.linalg.norm(vectors["text"] @ tensors["basis"], axis=1, keepdims=True)
    held = inside * norm
    told, moved, known = (
        held @ tensors["looks"][:-1] + tensors["looks"][-1],
        held + tensors["gap"],
        held @ tensors["known"][1, :-1] + tensors["known"][1, -1],
    )
    learnt = 1 / (1 + np.exp((np.square(known).sum(axis=1, keepdims=True) - tensors["reach"][1]) / 2))
    assert learnt.min() < 0.3 < 0.7 < learnt.max()
    told = learnt * units(told) + (1 - learnt) * units(moved)
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    looks = products @ tensors["moved"]
    np.testing.assert_allclose(looks, np.sqrt(0.6) * told, atol=1e-5)
    np.testing.assert_allclose(products @ tensors["basis"], np.sqrt(0.4) * inside, atol=1e-5)
    # A clip holds the looks' slot: nothing is taken from the text, and a sound does not move its words away.
    both, _ = fusion.fuse(only(vectors, "text", "video"), everywhere(10, "text", "video"))
    clip = within(vectors["video"], tensors) @ tensors["basis"]
    np.testing.assert_allclose(both @ tensors["moved"], np.sqrt(0.6) * clip, atol=1e-5)


def test_in_slots_what_the_map_was_not_learnt_from_moves_by_the_mean_difference_alone() -> None:
    _, tensors = slotted()
    vectors, _ = rows(10)
    ways: list[tuple[Modality, Modality, int, str, float]] = [
        ("text", "image", 1, "moved", 1.0),
        ("image", "text", 0, "basis", -1.0),
    ]
    for name, other, slot, place, sign in ways:
        known = tensors["known"].copy()
        known[slot] *= 1e6
        far = build(FusionInfo("slots", "1", WEIGHTS), {**tensors, "known": known})
        products, _ = far.fuse(only(vectors, name), everywhere(10, name))
        expected = units(vectors[name] @ tensors["basis"] + sign * tensors["gap"])
        filled = products @ tensors[place]
        np.testing.assert_allclose(filled, np.sqrt(tensors["shares"][slot]) * expected, atol=1e-5)
        # What has both is not filled, so nothing of it depends on what is known.
        whole, again = (
            each.fuse(only(vectors, name, other), everywhere(10, name, other))[0]
            for each in (far, slotted()[0])
        )
        np.testing.assert_array_equal(whole, again)


def test_in_slots_a_modality_without_weight_still_makes_a_product() -> None:
    fusion, _ = slotted(text=0.5, image=0.5)
    vectors, _ = rows(5)
    fused, found = fusion.fuse(only(vectors, "audio"), everywhere(5, "audio"))
    assert found.all()
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, rtol=1e-5)
