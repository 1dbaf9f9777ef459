"""Texts through a published text tower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from mmpipe.encoders.base import EncoderInfo, EncoderInput, Vectors
from mmpipe.encoders.published.batching import Batcher, unit
from mmpipe.encoders.published.descriptions import TextRecipe
from mmpipe.encoders.published.towers import TextTower
from mmpipe.errors import InvalidRequest, ModelUnavailable

# Far above what any tokenizer packs into one token on average: only keeps huge texts from being tokenized.
_CHARACTERS_PER_TOKEN = 64


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the model expects before a document and before a query."""

    document: str = ""
    query: str = ""


class PublishedText:
    """A tokenizer and a text tower."""

    def __init__(
        self,
        info: EncoderInfo,
        tokenizer: Any,
        recipe: TextRecipe,
        tower: TextTower,
        batcher: Batcher,
        prompts: Prompts,
    ) -> None:
        if tokenizer.pad_token_id is None and recipe.fixed_length:
            raise ModelUnavailable(f"the tokenizer of {info.id} has no padding token")
        self._info = info
        self._tokenizer = tokenizer
        self._recipe = recipe
        self._tower = tower
        self._batcher = batcher
        self._prompts = prompts
        self._padding = int(tokenizer.pad_token_id or 0)
        # Truncation is state of the tokenizer: two threads setting it fail with "Already borrowed".
        self._lock = Lock()

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self._embed([_text(item) for item in inputs], self._prompts.document)

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self._embed([_text(query)], self._prompts.query)[0])

    def _embed(self, texts: Sequence[str], prompt: str) -> Vectors:
        tokens = self._tokens([prompt + text for text in texts])
        costs = [self._recipe.max_tokens if self._recipe.fixed_length else len(t) for t in tokens]

        def forward(batch: NDArray[np.intp]) -> Vectors:
            ids, mask = self._padded([tokens[i] for i in batch])
            return self._tower.text(ids, mask if self._recipe.attention_mask else None)

        return unit(self._batcher.run(costs, self._info.dim, forward))

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        longest = self._recipe.max_tokens * _CHARACTERS_PER_TOKEN
        cut = [text[:longest] for text in texts]
        if self._recipe.lowercase:
            cut = [text.lower() for text in cut]
        with self._lock:
            encoded = self._tokenizer(cut, truncation=True, max_length=self._recipe.max_tokens, padding=False)
        return cast("list[list[int]]", encoded["input_ids"])

    def _padded(self, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        # On the right, whatever the tokenizer's files say: every model here was trained so, or is masked.
        length = self._recipe.max_tokens if self._recipe.fixed_length else max(1, *map(len, tokens))
        ids = torch.full((len(tokens), length), self._padding, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, mine in enumerate(tokens):
            ids[row, : len(mine)] = torch.tensor(mine, dtype=torch.int64)
            mask[row, : len(mine)] = 1
        return ids, mask


def _text(item: EncoderInput) -> str:
    if not isinstance(item, str):
        raise InvalidRequest("text", f"need a string, got {type(item).__name__}")
    return item
