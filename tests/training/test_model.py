"""The model that is trained, as it ships."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.features import Vocabulary, feature_key  # noqa: E402
from mmpipe.encoders.starter.loader import load_image  # noqa: E402
from mmpipe.learn.export import export_image  # noqa: E402
from training.model import StarterModel  # noqa: E402


def test_a_recognised_picture_moves_towards_its_types_name(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = StarterModel(Vocabulary([feature_key("w:shirt"), feature_key("w:shoe")]), {"type": 2}).eval()
    model.heads["by_type"].weight.data.zero_()
    names = model.encode_texts(["shirt", "shoe"]).detach()
    pictures = torch.randn(2, 3, 160, 128)

    def moved(bias: list[float]) -> torch.Tensor:
        model.heads["by_type"].bias.data = torch.tensor(bias)
        model.image.concepts = model.concepts(["shirt", "shoe"])
        export_image(model.image.state_dict(), tmp_path)
        with torch.no_grad():
            shipped = load_image(tmp_path / "image.safetensors").eval()(pictures)
            torch.testing.assert_close(shipped, model.image(pictures), rtol=0.05, atol=0.02)
            return shipped - model.encode_images(F.avg_pool2d(pictures, 2))[0]

    apart = names[0] - names[1]
    undecided, shirt, shoe = (moved(bias) for bias in ([0.0, 0.0], [20.0, 0.0], [0.0, 20.0]))
    assert (shirt @ apart > 0.1).all()
    assert (shoe @ apart < -0.1).all()
    assert (undecided.norm(dim=1) < shirt.norm(dim=1)).all()
