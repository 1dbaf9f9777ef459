"""Near and far, where the shipped towers can tell."""

from __future__ import annotations

import numpy as np

from mmpipe import fusion
from mmpipe.encoders import registry
from mmpipe.encoders.base import KnowsItsReach
from mmpipe.encoders.starter.loader import REACH, WEIGHTS, load
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import encode


def test_the_shipped_text_tower_tells_near_from_far_and_one_from_elsewhere_does_not() -> None:
    loaded = registry.load("starter")
    text = loaded.encoders["text"]
    assert isinstance(text, KnowsItsReach)
    assert text.reach == REACH
    assert REACH.far < REACH.near
    assert REACH.far < REACH.sure
    assert 0 < REACH.crowd < 0.1
    assert load(folder=WEIGHTS, name="elsewhere").text.reach is None
    request = SearchRequest(text="red dress -long")
    nearness = fusion.load(loaded.profile.fusion).nearness("text")
    assert encode(request, loaded, {}).reach == REACH.of(nearness)
    assert REACH.of(0.5).near == REACH.near / 2
    assert REACH.of(0.5).seen == REACH.seen
    assert encode(request, loaded.of_one_modality(), {}).reach == REACH
    assert np.array_equal(encode(request, loaded, {}).modality_vectors["text"], text.embed_query("red dress"))
    assert encode(SearchRequest(text="red dress"), registry.load("fake"), {}).reach is None
