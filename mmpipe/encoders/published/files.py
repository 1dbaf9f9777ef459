"""Which files of a model's repository are used. Weights as safetensors, everything else as plain text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from mmpipe.errors import ModelUnavailable

_NAMES = (
    r"(generation_)?config\.json",
    r"model\.safetensors",
    r"model\.safetensors\.index\.json",
    r"model-\d{5}-of-\d{5}\.safetensors",
    r"(pre)?processor_config\.json",
    r"tokenizer\.json",
    r"tokenizer_config\.json",
    r"special_tokens_map\.json",
    r"added_tokens\.json",
    r"vocab\.(json|txt)",
    r"merges\.txt",
    r"normalizer\.json",
    r"modules\.json",
    r"sentence_bert_config\.json",
    r"config_sentence_transformers\.json",
)
# sentence-transformers keeps its modules in folders such as 1_Pooling.
_USED = re.compile(rf"(\d{{1,2}}_[A-Za-z]{{1,32}}/)?({'|'.join(_NAMES)})")
_WEIGHTS = re.compile(r"(\d{1,2}_Transformer/)?model\.safetensors(\.index\.json)?")
_PICKLE = re.compile(r".*\.(bin|pt|pth|ckpt|pkl|pickle)")


def is_used(name: str) -> bool:
    """Whether a file of a repository, by its path there, belongs to what mmpipe loads."""
    return _USED.fullmatch(name) is not None


def select(names: Iterable[str], where: str) -> list[str]:
    """The files to take, sorted. Raises :class:`ModelUnavailable` where there are no safetensors weights."""
    every = sorted(names)
    used = [name for name in every if is_used(name)]
    if not any(_WEIGHTS.fullmatch(name) for name in used):
        pickles = [name for name in every if _PICKLE.fullmatch(name)]
        if pickles:
            raise ModelUnavailable(
                f"{where} holds its weights only as pickle ({', '.join(pickles[:3])}), which runs code when"
                " loaded; mmpipe loads safetensors only: choose a revision that has them"
                " (--revision; conversions are often at refs/pr/N), or convert them on a machine you can lose"
            )
        raise ModelUnavailable(f"{where} holds no model.safetensors")
    if "config.json" not in used and not any(name.endswith("_Transformer/config.json") for name in used):
        raise ModelUnavailable(f"{where} holds no config.json")
    return used


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_id(path: Path) -> str:
    """The id git gives a file's content: SHA-1 of ``blob SIZE NUL CONTENT``, in hex."""
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
