"""The starter's networks: text, image and audio towers into one space of 256 dimensions.

In training the image tower has batch normalisation; :func:`fold_batch_norm` folds it into the
convolutions for shipping. All towers return vectors *before* normalisation to unit length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter import backbone
from mmpipe.encoders.starter.backbone import Backbone

DIM = 256
TEXT_WIDTH = 192
IMAGE_WIDTHS = (24, 64, 128, 256)
IMAGE_BLOCKS = (0, 1, 2, 2)
IMAGE_FEATURES = 2 * IMAGE_WIDTHS[-1]
# The trunk sees the canvas at half its size; the backbone, where there is one, sees it whole.
TRUNK_CANVAS = (80, 64)
AUDIO_WIDTHS = (16, 32, 64, 96)
HUBNESS_WIDTH = 128
MOST_HUBNESS = 0.2
_EPSILON = 1e-5  # of batch normalisation, but in the backbone


class ConvUnit(nn.Module):
    """Convolution, batch normalisation (training form only) and, unless told otherwise, ReLU."""

    def __init__(
        self, fan_in: int, fan_out: int, kernel: int, stride: int, *, relu: bool, norm: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(fan_out) if norm else None
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.relu(x, inplace=True) if self.relu else x


class Residual(nn.Module):
    """Two 3×3 convolutions around a skip connection."""

    def __init__(self, width: int, *, norm: bool) -> None:
        super().__init__()
        self.first = ConvUnit(width, width, 3, 1, relu=True, norm=norm)
        self.second = ConvUnit(width, width, 3, 1, relu=False, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)), inplace=True)


def _trunk(
    fan_in: int, widths: tuple[int, ...], blocks: tuple[int, ...], stem: int, *, norm: bool
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        kernel = stem if index == 0 else 3
        layers.append(ConvUnit(fan_in, width, kernel, 2, relu=True, norm=norm))
        layers.extend(Residual(width, norm=norm) for _ in range(count))
        fan_in = width
    return nn.Sequential(*layers)


class Concepts(nn.Module):
    """Attention of a picture's pooled features over ``count`` named concepts.

    The keys are a classifier's weights, the values text vectors of the concepts' names, so what a picture is
    recognised as moves its vector towards where that name is asked from. A picture that is none of them
    attends to all alike, and the mean of many values is short: it hardly moves.
    """

    def __init__(self, count: int, features: int = IMAGE_FEATURES) -> None:
        super().__init__()
        self.keys = nn.Linear(features, count)
        self.values = nn.Parameter(torch.zeros(count, DIM))

    def forward(self, features: Tensor) -> Tensor:
        """How much of each concept a picture is: ``(batch, count)``, rows that sum to 1."""
        return torch.softmax(self.keys(features).float(), dim=1)

    def moved(self, recognised: Tensor) -> Tensor:
        """How far that moves a picture: ``(batch, DIM)``."""
        return recognised @ self.values.float()


class Hubness(nn.Module):
    """How near a picture is to texts that do not mean it, one number along ``direction``, where texts have a
    constant: so their cosine holds, beside what both mean, a bias that the picture brings with it.

    Some pictures are near to every text and come before those that are meant (hubs: Radovanović et al. 2010).
    The bias is what an inverted softmax (Smith et al. 2017) over many texts would take from the cosine, read
    from the vector and from what was recognised, so that no texts need be kept. It is at most
    :data:`MOST_HUBNESS`.
    """

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.inner = nn.Linear(DIM + concepts, HUBNESS_WIDTH)
        self.outer = nn.Linear(HUBNESS_WIDTH, 1)
        self.direction: Tensor
        self.register_buffer("direction", torch.zeros(DIM))

    def told(self, seen: Tensor) -> Tensor:
        """The bias before it is bounded, ``(batch, 1)``, of vectors with what was recognised behind them."""
        found: Tensor = self.outer(F.gelu(self.inner(seen)))
        return found

    def forward(self, vectors: Tensor, recognised: Tensor) -> Tensor:
        """What is added to unit ``vectors``, ``(batch, DIM)``."""
        seen = torch.cat([vectors, recognised], dim=1).to(self.inner.weight.dtype)
        found = self.told(seen).float()
        return MOST_HUBNESS * torch.tanh(found / MOST_HUBNESS) * self.direction.float()


class ImageTower(nn.Module):
    """RGB in [-1, 1] on the canvas, ``(batch, 3, 160, 128)`` → ``(batch, DIM)``; ``concepts`` of them known.

    It has one eye, the trunk, or two. What two eyes project is brought to unit length and added, ``share`` of
    it the backbone's, and one attention looks at the features of both. Where it knows its ``hubness``, that
    is the last part of its vectors.
    """

    def __init__(
        self, *, norm: bool, concepts: int = 0, two_eyes: bool = False, hubness: bool = False
    ) -> None:
        super().__init__()
        self.trunk = _trunk(3, IMAGE_WIDTHS, IMAGE_BLOCKS, 5, norm=norm)
        self.project = nn.Linear(IMAGE_FEATURES, DIM)
        self.backbone: Backbone | None = None
        width = IMAGE_FEATURES
        if two_eyes:
            self.backbone = Backbone(norm=norm)
            self.project_far = nn.Linear(backbone.FEATURES, DIM)
            self.share = nn.Parameter(torch.tensor(0.5))
            width += backbone.FEATURES
        self.concepts = Concepts(concepts, width) if concepts else None
        self.hubness = Hubness(concepts) if hubness else None

    def trunk_features(self, pixels: Tensor) -> Tensor:
        """Mean- and max-pooled, of pictures at :data:`TRUNK_CANVAS`: ``(batch, IMAGE_FEATURES)``."""
        maps = self.trunk(pixels)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)

    def features(self, pixels: Tensor) -> Tensor:
        """What the eyes see, pooled: the trunk's features, then the backbone's mean ones."""
        seen = self.trunk_features(F.avg_pool2d(pixels, 2))
        if self.backbone is None:
            return seen
        maps: Tensor = self.backbone(pixels)
        return torch.cat([seen, maps.mean((2, 3))], dim=1)

    def projected(self, features: Tensor) -> Tensor:
        """Features → ``(batch, DIM)``, without what is recognised."""
        near: Tensor = self.project(features[:, :IMAGE_FEATURES])
        if self.backbone is None:
            return near
        far: Tensor = self.project_far(features[:, IMAGE_FEATURES:])
        near, far = F.normalize(near.float(), dim=1), F.normalize(far.float(), dim=1)
        return torch.lerp(near, far, self.share.float())

    def forward(self, pixels: Tensor) -> Tensor:
        return self.of_features(self.features(pixels))

    def of_features(self, features: Tensor) -> Tensor:
        """What the eyes saw → ``(batch, DIM)``."""
        vectors = self.projected(features)
        recognised = vectors.new_zeros(len(vectors), 0).float()
        if self.concepts is not None:
            recognised = self.concepts(features)
            vectors = F.normalize(vectors.float(), dim=1) + self.concepts.moved(recognised)
        if self.hubness is None:
            return vectors
        vectors = F.normalize(vectors.float(), dim=1)
        told: Tensor = self.hubness(vectors, recognised)
        return vectors + told


class TextTower(nn.Module):
    """Weighted feature bags → ``(batch, DIM)``: a table, one residual layer, a projection.

    ``constant`` is added to what has unit length, by which pictures bring their :class:`Hubness` along; a
    tower that was trained beside pictures without has zeros.
    """

    def __init__(self, rows: int, *, initialise: bool = True) -> None:
        super().__init__()
        # Drawing millions of numbers only to load over them would be most of the loading time.
        self.table = nn.Embedding(rows, TEXT_WIDTH, _weight=torch.empty(rows, TEXT_WIDTH))
        if initialise:
            nn.init.normal_(self.table.weight, std=0.03)  # rows that training never reaches stay quiet
        self.norm = nn.LayerNorm(TEXT_WIDTH)
        self.wide = nn.Linear(TEXT_WIDTH, 2 * TEXT_WIDTH)
        self.narrow = nn.Linear(2 * TEXT_WIDTH, TEXT_WIDTH)
        self.project = nn.Linear(TEXT_WIDTH, DIM)
        self.constant: Tensor
        self.register_buffer("constant", torch.zeros(DIM))

    def forward(self, rows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """``rows``/``weights``/``offsets`` as ``embedding_bag`` takes them (mode ``sum``)."""
        bag = F.embedding_bag(rows, self.table.weight, offsets, mode="sum", per_sample_weights=weights)
        return self.after_bag(bag)

    def after_bag(self, bag: Tensor) -> Tensor:
        """The layers above the table; ``bag`` has shape ``(batch, TEXT_WIDTH)``."""
        hidden = F.gelu(self.wide(self.norm(bag)), approximate="tanh")
        return F.normalize(self.project(bag + self.narrow(hidden)).float(), dim=1) + self.constant


class AudioTower(nn.Module):
    """Log-mel picture, shape ``(batch, 1, 64, 400)`` → ``(batch, DIM)``."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.trunk = _trunk(1, AUDIO_WIDTHS, (0, 0, 1, 1), 5, norm=norm)
        self.project = nn.Linear(2 * AUDIO_WIDTHS[-1], DIM)

    def forward(self, mels: Tensor) -> Tensor:
        maps = self.trunk(mels)
        projected: Tensor = self.project(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
        return projected


def fold_batch_norm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A tower's training-form state dict, every batch normalisation folded into its convolution.

    ``w' = w γ / √(σ² + ε)``, ``b' = β - μ γ / √(σ² + ε)``: exactly what the pair computes in eval mode.
    """
    folded: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".norm." in name:
            continue
        unit = name.removesuffix(".conv.weight")
        if unit == name or f"{unit}.norm.weight" not in state:  # no kernel, or one that is folded already
            folded[name] = tensor
            continue
        epsilon = backbone.EPSILON if "backbone." in name else _EPSILON
        scale = state[f"{unit}.norm.weight"] / torch.sqrt(state[f"{unit}.norm.running_var"] + epsilon)
        folded[name] = tensor * scale[:, None, None, None]
        folded[f"{unit}.conv.bias"] = state[f"{unit}.norm.bias"] - state[f"{unit}.norm.running_mean"] * scale
    return folded
