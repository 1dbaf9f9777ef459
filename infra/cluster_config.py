"""ray_cluster.yaml with the values of one environment, ready for ``ray up``.

    terraform -chdir=infra/envs/prod output -json > outputs.json
    python infra/cluster_config.py --outputs outputs.json --image-tag 0.1.0 > .mmpipe/ray_cluster.yaml

``${name}`` becomes that output, ``${image_tag}`` the tag; a list item whose output is a list becomes its
elements. Values are put into the parsed document, so none can change its structure. An unknown name or a
value of a wrong kind ends it with a message and status 1. Nothing is asked of AWS.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "ray_cluster.yaml"
_PLACE = re.compile(r"\$\{(?P<name>[a-z_]+)\}")
_SAFE = re.compile(r"[A-Za-z0-9_./:@-]+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PROFILE = re.compile(r"[a-z0-9-]+(?::[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?")


class ConfigError(Exception):
    """The document cannot be made of these values; the message says which and what would do."""


def main(arguments: list[str] | None = None) -> int:
    """Print the document; gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outputs", type=Path, required=True, help="`terraform output -json`")
    parser.add_argument("--image-tag", required=True, help="the pushed image's tag; never latest")
    parser.add_argument("--profile", default="starter", help="the model profile; its models are in the image")
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs of a large feed; above 0 queries use one too"
    )
    options = parser.parse_args(arguments)
    try:
        outputs = read_outputs(options.outputs.read_text(encoding="utf-8"))
        document = render(
            yaml.safe_load(TEMPLATE.read_text(encoding="utf-8")),
            outputs | {"image_tag": checked_tag(options.image_tag)},
        )
        with_models(document, options.profile, options.gpus)
    except (ConfigError, OSError, json.JSONDecodeError) as error:
        sys.stderr.write(f"cluster_config: {error}\n")
        return 1
    sys.stdout.write("# Made by infra/cluster_config.py; change ray_cluster.yaml instead.\n")
    sys.stdout.write(yaml.safe_dump(document, sort_keys=False, width=200))
    return 0


def read_outputs(text: str) -> dict[str, Any]:
    """Values by name of ``terraform output -json``."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(o, dict) and "value" in o for o in found.values()):
        raise ConfigError("--outputs must be the JSON of `terraform output -json`")
    return {name: output["value"] for name, output in found.items()}


def checked_tag(tag: str) -> str:
    """The tag, unless it is none or one that moves."""
    if not _TAG.fullmatch(tag) or tag == "latest":
        raise ConfigError(f"--image-tag {tag!r}: name the tag of one pushed image, not latest")
    return tag


def render(node: Any, values: Mapping[str, Any]) -> Any:
    """The document with every place filled. Raises :class:`ConfigError`."""
    if isinstance(node, dict):
        return {key: render(value, values) for key, value in node.items()}
    if isinstance(node, list):
        items: list[Any] = []
        for item in node:
            whole = _PLACE.fullmatch(item) if isinstance(item, str) else None
            if whole is not None and isinstance(values.get(whole["name"]), list):
                items.extend(_checked(element, whole["name"]) for element in values[whole["name"]])
            else:
                items.append(render(item, values))
        return items
    return _PLACE.sub(lambda place: _text(place["name"], values), node) if isinstance(node, str) else node


def with_models(document: dict[str, Any], profile: str, gpus: int) -> None:
    """Choose the profile and whether it gets GPUs. Raises :class:`ConfigError`."""
    if not _PROFILE.fullmatch(profile) or gpus < 0:
        raise ConfigError("--profile must be a profile's name and --gpus a number from 0 on")
    chosen = {
        "MMPIPE_INDEXING__PROFILE": profile,
        "MMPIPE_SERVE__GPU": "on" if gpus else "off",
        "MMPIPE_INDEXING__GPUS": str(gpus),
    }
    options = document["docker"]["run_options"]
    for name, value in chosen.items():
        (place,) = (n for n, option in enumerate(options) if option.startswith(f"-e {name}="))
        options[place] = f"-e {name}={value}"


def _text(name: str, values: Mapping[str, Any]) -> str:
    if name not in values:
        raise ConfigError(f"the outputs have no {name!r}: apply the environment first")
    return _checked(values[name], name)


def _checked(value: Any, name: str) -> str:
    # Some end in shell commands.
    if not isinstance(value, str) or not _SAFE.fullmatch(value):
        raise ConfigError(f"the value of {name!r} is not a plain name: {value!r}")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
