"""The backbone's fast convolutions compute what the ordinary ones do, and its early blocks stand still."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from mmpipe.encoders.starter.backbone import FEATURES, Backbone, standing  # noqa: E402
from mmpipe.encoders.starter.convolutions import convolve  # noqa: E402


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("relu", [True, False])
def test_gradients_are_the_ordinary_ones(kernel: int, stride: int, relu: bool) -> None:
    torch.manual_seed(kernel + stride)
    # Every eighth picture alike, so that the kernel's estimated gradient is the whole one.
    pictures = torch.randn(1, 6, 8, 10).repeat(8, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(4, 6, 1, 1) if kernel == 1 else torch.randn(6, 1, kernel, kernel)
    bias = torch.randn(len(weight))
    mine, theirs = ([t.clone().requires_grad_() for t in (pictures, weight, bias)] for _ in range(2))
    found = convolve(*mine, stride, relu=relu)
    groups = 1 if kernel == 1 else 6
    wanted = F.conv2d(theirs[0], theirs[1], theirs[2], stride, kernel // 2, 1, groups)
    wanted = F.relu6(wanted) if relu else wanted
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    wanted.square().sum().backward()
    for left, right in zip(mine, theirs, strict=True):
        assert left.grad is not None
        assert right.grad is not None
        torch.testing.assert_close(left.grad, right.grad, rtol=1e-3, atol=1e-3)


def test_what_comes_before_the_first_learning_block_stays() -> None:
    torch.manual_seed(0)
    backbone = Backbone(norm=True)
    backbone.learn_from(14)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    maps = backbone(torch.randn(2, 3, 64, 48))
    assert maps.shape == (2, FEATURES, 2, 2)
    maps.mean().backward()
    learnt = {name for name, p in backbone.named_parameters() if p.grad is not None}
    assert learnt
    assert all(name.startswith(("blocks.14.", "blocks.15.", "head.")) for name in learnt)
    after = backbone.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)  # statistics stand


def test_a_standing_normalisation_is_what_it_computes_in_eval_mode() -> None:
    norm = torch.nn.BatchNorm2d(5, eps=1e-3)
    norm(torch.randn(4, 5, 3, 3) * 2 + 1)
    norm.weight.data.uniform_(0.5, 2)
    values = torch.randn(2, 5, 3, 3)
    gain, shift = standing(norm)
    norm.eval()
    torch.testing.assert_close(norm(values), values * gain[:, None, None] + shift[:, None, None])
