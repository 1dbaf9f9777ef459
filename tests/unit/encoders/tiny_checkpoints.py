"""Tiny random checkpoints of the published architectures, laid out as their repositories are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    ClapConfig,
    ClapModel,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    SiglipConfig,
    SiglipModel,
)

SIDE = 32
_WORDS = "red summer dress blue running shoes a the of dog barking glass breaking 红色连衣裙男士黑色跑鞋"
_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_act": "gelu",
}
_VISION = {**_SMALL, "image_size": SIDE, "patch_size": 8}


def _alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _save(model: Any, folder: Path, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # transformers' own start is so small that every input comes out alike.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    model.save_pretrained(folder)


def _json(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body), encoding="utf-8")


def _bert_tokenizer(folder: Path) -> int:
    characters = sorted(set(_WORDS.replace(" ", "")))
    pieces = [*characters, *(f"##{c}" for c in characters), *(w for w in _WORDS.split() if w.isascii())]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(pieces)]
    BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(folder)
    return len(vocab)


def siglip(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Replace("▁", " ")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer.train_from_iterator([_WORDS], trainers.BpeTrainer(vocab_size=120, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_input_names=["input_ids"],
    ).save_pretrained(folder)
    # The published files name Gemma's class, which would pad on the left and build a tokenizer of its own.
    said = json.loads((folder / "tokenizer_config.json").read_text())
    said |= {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True}
    _json(folder / "tokenizer_config.json", said)
    text = {**_SMALL, "vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 64}
    config = SiglipConfig(text_config={**text, "projection_size": 32}, vision_config=_VISION)
    _save(SiglipModel(config), folder, 1)
    preprocessing = {
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": SIDE, "width": SIDE},
    }
    _json(folder / "preprocessor_config.json", preprocessing)


_CLIP_PREPROCESSING = {
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
}


def clip(folder: Path) -> None:
    pieces = [*_alphabet(), *(f"{c}</w>" for c in _alphabet()), "<|startoftext|>", "<|endoftext|>"]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    CLIPTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    ids = {"bos_token_id": len(vocab) - 2, "eos_token_id": len(vocab) - 1, "pad_token_id": len(vocab) - 1}
    text = {**_SMALL, **ids, "vocab_size": len(vocab), "max_position_embeddings": 77}
    config = CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=16)
    _save(CLIPModel(config), folder, 2)
    # As the oldest repositories write it: plain numbers and the former class name.
    old = {"crop_size": SIDE, "size": SIDE, "feature_extractor_type": "CLIPFeatureExtractor"}
    _json(folder / "preprocessor_config.json", {**_CLIP_PREPROCESSING, **old})


def chinese_clip(folder: Path) -> None:
    text = {**_SMALL, "vocab_size": _bert_tokenizer(folder), "max_position_embeddings": 64}
    config = ChineseCLIPConfig(text_config=text, vision_config=_VISION, projection_dim=16)
    _save(ChineseCLIPModel(config), folder, 3)
    square = {"height": SIDE, "width": SIDE}
    named = {"crop_size": square, "size": square, "image_processor_type": "ChineseCLIPImageProcessor"}
    _json(folder / "preprocessor_config.json", {**_CLIP_PREPROCESSING, **named})


def clap(folder: Path) -> None:
    vocab = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *_alphabet()])}
    RobertaTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    text = {**_SMALL, "vocab_size": len(vocab), "max_position_embeddings": 80, "pad_token_id": 1}
    audio = {
        "window_size": 4,
        "num_mel_bins": 16,
        "spec_size": 64,
        "freq_ratio": 2,
        "patch_size": 2,
        "patch_stride": [2, 2],
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "depths": [2, 2],
        "num_attention_heads": [2, 2],
        "num_hidden_layers": 2,
        "enable_fusion": False,
        "projection_dim": 16,
    }
    config = ClapConfig(text_config={**text, "projection_dim": 16}, audio_config=audio, projection_dim=16)
    _save(ClapModel(config), folder, 4)
    extractor = {
        "feature_extractor_type": "ClapFeatureExtractor",
        "feature_size": 16,
        "sampling_rate": 48_000,
        "hop_length": 480,
        "max_length_s": 1,
        "fft_window_size": 1024,
        "frequency_min": 50,
        "frequency_max": 14_000,
        "padding": "repeatpad",
        "truncation": "rand_trunc",
    }
    _json(folder / "preprocessor_config.json", extractor)


def sentence(
    folder: Path,
    *,
    pooling: str = "mean",
    dense: bool = True,
    prompts: Mapping[str, str] | None = None,
) -> None:
    size = _bert_tokenizer(folder)
    config = BertConfig(**_SMALL, vocab_size=size, max_position_embeddings=40)
    _save(BertModel(config, add_pooling_layer=False), folder, 5)
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), "Normalize"]
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{kind}" if i else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    _json(folder / "modules.json", modules)
    key = {
        "mean": "pooling_mode_mean_tokens",
        "cls": "pooling_mode_cls_token",
        "max": "pooling_mode_max_tokens",
    }
    _json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, key[pooling]: True})
    _json(folder / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
    _json(folder / "config_sentence_transformers.json", {"prompts": dict(prompts or {})})
    if dense:
        activation = "torch.nn.modules.activation.Tanh"
        shape = {"in_features": 32, "out_features": 12, "bias": True, "activation_function": activation}
        _json(folder / "2_Dense" / "config.json", shape)
        weights = torch.randn(12, 32, generator=torch.Generator().manual_seed(6)) * 0.3
        save_file(
            {"linear.weight": weights, "linear.bias": torch.linspace(-1, 1, 12)},
            folder / "2_Dense" / "model.safetensors",
        )


def cross_encoder(folder: Path, *, labels: int = 1) -> None:
    size = _bert_tokenizer(folder)
    config = BertConfig(**_SMALL, vocab_size=size, max_position_embeddings=40, num_labels=labels)
    _save(BertForSequenceClassification(config), folder, 7)


BUILDERS: Mapping[str, Callable[[Path], None]] = {
    "siglip2": siglip,
    "clip": clip,
    "chinese-clip": chinese_clip,
    "clap": clap,
}
