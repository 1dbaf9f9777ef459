"""A pinned model's files to a profile and its encoders. Offline: nothing here asks the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from mmpipe.encoders.base import Encoder, EncoderInfo, Modality, Profile
from mmpipe.encoders.published import sentence
from mmpipe.encoders.published.audio import PublishedAudio
from mmpipe.encoders.published.batching import Batcher
from mmpipe.encoders.published.descriptions import RECIPE, PublishedModel
from mmpipe.encoders.published.device import Placement, place
from mmpipe.encoders.published.images import PublishedImage, PublishedVideo
from mmpipe.encoders.published.loading import load_network
from mmpipe.encoders.published.lock import LockedModel, verified_folder
from mmpipe.encoders.published.text import Prompts, PublishedText
from mmpipe.encoders.published.towers import ContrastiveModel
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings

# What transformers raises for files it cannot make a model of.
_UNLOADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)

Loaded = tuple[Profile, dict[Modality, Encoder]]


def load(model: PublishedModel, settings: ModelSettings, threads: int | None = None) -> Loaded:
    """Verify every file against the lock, load the weights, and put them on the device.

    ``threads`` sets torch's intra-op threads for the whole process. Raises :class:`ModelUnavailable` for
    files that are missing, changed, of another architecture, or not loadable.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    folder, locked = verified_folder(settings, model.profile, model.repo)
    try:
        if model.architecture == "sentence":
            return _sentence(model, folder, locked, settings)
        return _contrastive(model, folder, locked, settings)
    except _UNLOADABLE as error:
        # The files are the locked ones, so they do not fit this release of transformers.
        raise ModelUnavailable(f"profile '{model.profile}': {folder} cannot be loaded: {error}") from error


def _contrastive(model: PublishedModel, folder: Path, locked: LockedModel, settings: ModelSettings) -> Loaded:
    network = _network(folder, model)
    config = network.config
    dim = _dim(model, config)
    placement = place(settings)
    if model.architecture == "clap":
        if config.audio_config.enable_fusion:
            raise ModelUnavailable(f"profile '{model.profile}': fused CLAP checkpoints draw crops at random")
        # Log-mel decibels pass batch norms: 8 bits of mantissa lose what tells sounds apart.
        placement = Placement(placement.device, torch.float32)
    recipe = model.text
    if recipe is None:
        raise ModelUnavailable(f"profile '{model.profile}' does not say how its texts are read")
    tower = ContrastiveModel(network, placement)
    infos = _infos(model, locked, dim)
    encoders: dict[Modality, Encoder] = {
        "text": PublishedText(
            infos["text"],
            _tokenizer(folder, model),
            recipe,
            tower,
            Batcher(settings.batch_tokens, settings.batch_items),
            Prompts(),
        )
    }
    if "image" in infos:
        image = PublishedImage(
            infos["image"],
            _image_processor(folder),
            tower,
            Batcher(settings.batch_pixels, settings.batch_items),
            int(config.vision_config.image_size),
        )
        encoders["image"] = image
        encoders["video"] = PublishedVideo(infos["video"], image, model.pooling)
    if "audio" in infos:
        encoders["audio"] = PublishedAudio(
            infos["audio"],
            _feature_extractor(folder),
            tower,
            Batcher(settings.batch_seconds, settings.batch_items),
        )
    return Profile(model.profile, dim, dict(infos.items()), model.fusion), encoders


def _sentence(model: PublishedModel, folder: Path, locked: LockedModel, settings: ModelSettings) -> Loaded:
    files = sentence.read(folder)
    network = _network(files.transformer, model)
    tokenizer = _tokenizer(files.transformer, model)
    tower = sentence.SentenceModel(network, files, place(settings))
    infos = _infos(model, locked, tower.dim)
    text = PublishedText(
        infos["text"],
        tokenizer,
        sentence.recipe(files, tokenizer, network.config),
        tower,
        Batcher(settings.batch_tokens, settings.batch_items),
        files.prompts,
    )
    return Profile(model.profile, tower.dim, dict(infos.items()), model.fusion), {"text": text}


def _infos(model: PublishedModel, locked: LockedModel, dim: int) -> dict[Modality, EncoderInfo]:
    # Device and precision are left out: vectors of one model from a GPU and from a CPU may meet.
    revision = f"{locked.revision}+{locked.digest[:16]}+{RECIPE}"
    revisions = {m: model.pooling.revised(revision) if m == "video" else revision for m in model.modalities}
    return {m: EncoderInfo(f"{model.repo}/{m}", revisions[m], m, dim) for m in model.modalities}


def _dim(model: PublishedModel, config: Any) -> int:
    if model.architecture != "siglip":
        return int(config.projection_dim)
    text, image = config.text_config.projection_size, config.vision_config.hidden_size
    if text != image:
        raise ModelUnavailable(f"profile '{model.profile}': text has {text} dimensions, images {image}")
    return int(image)


def _network(folder: Path, model: PublishedModel) -> Any:
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # Local, plain and safe: no repository code, no pickle, no network.
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if model.architecture not in ("sentence", config.model_type):
        raise ModelUnavailable(
            f"profile '{model.profile}' needs a model of type {model.architecture}; {folder} holds a"
            f" {config.model_type}"
        )
    network, report = load_network(AutoModel, folder, config=config)
    # transformers fills what the file lacks with random numbers. Only an unused pooler may be so.
    parameters = {name for name, _ in network.named_parameters()}
    lacking = sorted(
        name
        for name in report["missing_keys"]
        if name in parameters and not (model.architecture == "sentence" and name.startswith("pooler."))
    )
    if lacking or report["mismatched_keys"]:
        shown = lacking or sorted(str(key) for key in report["mismatched_keys"])
        raise ModelUnavailable(
            f"profile '{model.profile}': the weights in {folder} lack {', '.join(shown[:3])}"
        )
    return network


def _tokenizer(folder: Path, model: PublishedModel) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # SigLIP 2's repositories name other models' tokenizer classes, which add and leave out tokens of their
    # own: its tokenizer.json is taken as it stands.
    kind = PreTrainedTokenizerFast if model.architecture == "siglip" else AutoTokenizer
    tokenizer = kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if model.architecture == "siglip":
        _check_siglip(tokenizer, model)
    return tokenizer


def _check_siglip(tokenizer: Any, model: PublishedModel) -> None:
    """SigLIP 2 was trained on ``tokens <eos>`` with no start token; anything else moves every vector."""
    ids = tokenizer("a")["input_ids"]
    if ids[-1] != tokenizer.eos_token_id or ids[0] == tokenizer.bos_token_id:
        raise ModelUnavailable(
            f"profile '{model.profile}': the tokenizer does not end texts with its end token alone; this"
            " release of transformers does not read it as it was trained"
        )


def _image_processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    # The torchvision one resizes a little differently, and is there on some machines only.
    return AutoImageProcessor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, backend="pil"
    )


def _feature_extractor(folder: Path) -> Any:
    from transformers import AutoFeatureExtractor

    return AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
