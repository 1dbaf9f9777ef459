"""A query and a text read together, one score: cross-encoders through transformers.

Nogueira and Cho, "Passage Re-ranking with BERT" (2019). Any repository of sequence classification with one
label, as sentence-transformers publishes them. Offline: nothing here asks the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.published.descriptions import RERANK_PREFIX, find_reranker
from mmpipe.encoders.published.files import select
from mmpipe.encoders.published.loading import load_network
from mmpipe.encoders.published.lock import verified_folder
from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch

    from mmpipe.encoders.base import Vectors
    from mmpipe.settings import ModelSettings

# A query of 1,000 characters and a title take less; what is behind is cut, the longer of the two first.
_LONGEST = 256
_CHARACTERS = 4_000
_FOLDER = re.compile(r"[/~]|\.\.?/")


class CrossEncoder:
    """A model and its tokenizer. Safe for many threads."""

    def __init__(self, name: str, settings: ModelSettings, threads: int | None = None) -> None:
        """``name`` is a folder (``/…``, ``./…``, ``../…`` or ``~…``) or a repository that
        ``mmpipe models pull rerank:OWNER/MODEL`` pinned, every file of which is compared with the lock.

        ``threads`` sets torch's intra-op threads for the whole process. Raises :class:`ModelUnavailable` for
        files that are missing, changed, pickled, of another kind of model or not loadable, and where the
        extra is not installed.
        """
        folder = _folder(name, settings)
        try:
            import torch

            from mmpipe.encoders.published.batching import Batcher
            from mmpipe.encoders.published.device import place
            from mmpipe.encoders.published.towers import Device
        except ModuleNotFoundError as error:
            raise ModelUnavailable(
                f"the re-ranking model '{name}' needs {error.name}: pip install 'mmpipe[ml]'"
            ) from error
        if threads is not None:
            torch.set_num_threads(threads)
        placement = place(settings)
        model, self._tokenizer = _loaded(folder, name)
        self._model = model.to(placement.device, placement.dtype).eval().requires_grad_(False)
        self._device = Device(placement)
        self._batcher = Batcher(settings.batch_tokens, settings.batch_items)
        positions = int(getattr(model.config, "max_position_embeddings", _LONGEST))
        self._longest = min(_LONGEST, int(self._tokenizer.model_max_length), positions)
        # Truncation and padding are state of the tokenizer.
        self._lock = Lock()

    def scores(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """How well each text answers the query, the model's logits, float64 ``(len(texts),)``."""
        if not texts:
            return np.zeros(0)
        cut = [text[:_CHARACTERS] for text in texts]
        with self._lock:
            read = self._tokenizer(
                [query[:_CHARACTERS]] * len(cut), cut, truncation=True, max_length=self._longest
            )
        names = [name for name in self._tokenizer.model_input_names if name in read]

        def forward(batch: NDArray[np.intp]) -> Vectors:
            with self._lock:
                padded = self._tokenizer.pad(
                    {name: [read[name][place] for place in batch.tolist()] for name in names},
                    padding=True,
                    return_tensors="pt",
                )
            inputs: dict[str, torch.Tensor] = {name: self._device.put(padded[name]) for name in names}
            with self._device.forward():
                return self._device.take(self._model(**inputs).logits)

        costs = [len(ids) for ids in read["input_ids"]]
        return self._batcher.run(costs, 1, forward)[:, 0].astype(np.float64)


def _folder(name: str, settings: ModelSettings) -> Path:
    """Where the files are: an operator's own folder as it is, a repository's as it was locked."""
    if _FOLDER.match(name):
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise ModelUnavailable(f"the re-ranking model: {folder} is no folder")
        select((p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()), str(folder))
        return folder
    model = find_reranker(RERANK_PREFIX + name)
    if model is None:
        raise ModelUnavailable(
            f"the re-ranking model '{name}' is neither a folder (/…, ./…) nor a repository (OWNER/MODEL)"
        )
    return verified_folder(settings, model.profile, model.repo)[0]


def _loaded(folder: Path, name: str) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    # What transformers raises for files it cannot make a model of.
    unloadable = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)
    try:
        config = AutoConfig.from_pretrained(folder, **local)
        if config.num_labels != 1:
            raise ModelUnavailable(
                f"the re-ranking model '{name}' gives {config.num_labels} labels; a cross-encoder gives one"
                " score: choose a checkpoint with one label"
            )
        model, report = load_network(AutoModelForSequenceClassification, folder, config=config)
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
    except unloadable as error:
        raise ModelUnavailable(
            f"the re-ranking model '{name}': {folder} cannot be loaded: {error}"
        ) from error
    # transformers fills what the file lacks with random numbers.
    lacking = sorted(map(str, report["missing_keys"])) or sorted(map(str, report["mismatched_keys"]))
    if lacking:
        raise ModelUnavailable(
            f"the re-ranking model '{name}': the weights in {folder} lack {', '.join(lacking[:3])}: it is no"
            " cross-encoder"
        )
    return model, tokenizer
