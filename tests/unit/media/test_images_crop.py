"""A box of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from mmpipe.errors import InvalidMedia
from mmpipe.media import cropped

PICTURE = np.arange(40 * 60 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 60, 3)


def test_a_box_is_of_whole_pixels_outwards() -> None:
    found = cropped(PICTURE, (0.25, 0.5, 0.5, 1.0), "image.crop")
    assert found.tolist() == PICTURE[20:40, 15:30].tolist()
    assert cropped(PICTURE, (0.0, 0.0, 1.0, 1.0), "image.crop").tolist() == PICTURE.tolist()
    assert cropped(PICTURE, (0.01, 0.01, 0.99, 0.99), "image.crop").shape == (40, 60, 3)


def test_a_box_of_next_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidMedia) as refused:
        cropped(PICTURE, (0.5, 0.5, 0.51, 0.9), "image.crop")
    assert refused.value.field == "image.crop"
