"""sentence-transformers repositories, read from their own files: transformer, pooling, dense, normalise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmpipe.encoders.base import Vectors
from mmpipe.encoders.published.descriptions import TextRecipe
from mmpipe.encoders.published.device import Placement
from mmpipe.encoders.published.text import Prompts
from mmpipe.encoders.published.towers import Device
from mmpipe.errors import ModelUnavailable

_LONGEST = 8_192
_POOLINGS = ("cls", "mean", "max", "lasttoken")
# Names as the older and as the newer releases of the library write them.
_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
}


@dataclass(frozen=True, slots=True)
class SentenceFiles:
    """What a repository says about itself. ``transformer`` and ``dense`` are folders."""

    transformer: Path
    pooling: str
    dense: tuple[Path, ...]
    prompts: Prompts
    lowercase: bool
    max_tokens: int | None


class SentenceModel:
    """A transformer, its pooling and its dense layers."""

    def __init__(self, model: Any, files: SentenceFiles, placement: Placement) -> None:
        self._model = model.to(placement.device, placement.dtype).eval().requires_grad_(False)
        self._pooling = files.pooling
        layers = [_dense(folder) for folder in files.dense]
        self.dim = layers[-1][0].out_features if layers else int(model.config.hidden_size)
        self._dense = nn.Sequential(*(module for pair in layers for module in pair))
        self._dense.to(placement.device, placement.dtype).eval().requires_grad_(False)
        self._device = Device(placement)

    def text(self, input_ids: Tensor, attention_mask: Tensor | None) -> Vectors:
        """int64 ``(n, tokens)``, padded on the right, to float32 ``(n, dim)``, not normalised."""
        mask = self._device.put(torch.ones_like(input_ids) if attention_mask is None else attention_mask)
        with self._device.forward():
            hidden = self._model(input_ids=self._device.put(input_ids), attention_mask=mask).last_hidden_state
            return self._device.take(self._dense(pool(hidden, mask, self._pooling)))


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """``(n, tokens, dim)`` to ``(n, dim)`` over the tokens of a mask that is padded on the right."""
    if how == "cls":
        return hidden[:, 0]
    if how == "lasttoken":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(dim=1).clamp(min=1) - 1]
    spread = mask.unsqueeze(-1)
    if how == "max":
        return hidden.masked_fill(spread == 0, float("-inf")).amax(dim=1)
    # Summed in float32: bfloat16 stops counting at 256.
    total = (hidden.float() * spread).sum(dim=1)
    return (total / spread.sum(dim=1).clamp(min=1)).to(hidden.dtype)


def read(folder: Path) -> SentenceFiles:
    """Read the modules of a repository. Raises :class:`ModelUnavailable` for kinds unknown here."""
    modules = _json(folder, "modules.json")
    if not isinstance(modules, list):
        raise ModelUnavailable(f"{folder / 'modules.json'} is no list of modules")
    kinds = [(str(m["type"]).rsplit(".", 1)[-1], _inside(folder, str(m["path"]))) for m in modules]
    shape = [kind for kind, _ in kinds]
    if shape[:2] != ["Transformer", "Pooling"] or set(shape[2:]) - {"Dense", "Normalize"}:
        raise ModelUnavailable(
            f"{folder.parent.name} is made of {', '.join(shape)}; mmpipe reads Transformer, Pooling,"
            " Dense and Normalize: choose another text model"
        )
    transformer = kinds[0][1]
    settings = _json(transformer, "sentence_bert_config.json", default={})
    said = _json(folder, "config_sentence_transformers.json", default={})
    return SentenceFiles(
        transformer=transformer,
        pooling=_pooling(_json(kinds[1][1], "config.json"), folder),
        dense=tuple(path for kind, path in kinds if kind == "Dense"),
        prompts=_prompts(said),
        lowercase=bool(settings.get("do_lower_case", False)),
        max_tokens=settings.get("max_seq_length"),
    )


def recipe(files: SentenceFiles, tokenizer: Any, config: Any) -> TextRecipe:
    """How its texts are read. Without a length of its own, the shorter of the tokenizer's and the model's."""
    limits = [
        files.max_tokens or _LONGEST,
        int(tokenizer.model_max_length),
        int(getattr(config, "max_position_embeddings", _LONGEST)),
        _LONGEST,
    ]
    return TextRecipe(max_tokens=min(limits), lowercase=files.lowercase)


def _pooling(config: dict[str, Any], folder: Path) -> str:
    named = config.get("pooling_mode")
    modes = [named] if isinstance(named, str) else [_POOLING_KEYS[k] for k in _POOLING_KEYS if config.get(k)]
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise ModelUnavailable(
            f"{folder.parent.name} pools by {', '.join(map(str, modes)) or 'nothing'}; mmpipe pools by one of"
            f" {', '.join(_POOLINGS)}"
        )
    if config.get("include_prompt", True) is False:
        raise ModelUnavailable(f"{folder.parent.name} leaves its prompt out of the pooling: not supported")
    return str(modes[0])


def _prompts(said: dict[str, Any]) -> Prompts:
    prompts = said.get("prompts") or {}
    usual = prompts.get(said.get("default_prompt_name"), "")
    documents = (prompts[name] for name in ("document", "passage", "corpus") if prompts.get(name))
    return Prompts(document=next(documents, usual), query=prompts.get("query") or usual)


def _dense(folder: Path) -> tuple[nn.Linear, nn.Module]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = _json(folder, "config.json")
    name = str(config.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if name not in _ACTIVATIONS:
        raise ModelUnavailable(f"{folder}: no activation '{name}'; known: {', '.join(_ACTIVATIONS)}")
    try:
        layer = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
        state = load_file(folder / "model.safetensors")
        layer.load_state_dict({key.removeprefix("linear."): value for key, value in state.items()})
    except (KeyError, OSError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(f"{folder}: the dense layer cannot be read: {error}") from error
    return layer, _ACTIVATIONS[name]()


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelUnavailable(f"{folder / 'modules.json'} names a module outside its folder")
    return path


def _json(folder: Path, name: str, default: Any = None) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if default is not None:
            return default
        raise ModelUnavailable(f"no {name} in {folder}: not a sentence-transformers model") from None
    except ValueError as error:
        raise ModelUnavailable(f"{folder / name} is not JSON: {error}") from error
