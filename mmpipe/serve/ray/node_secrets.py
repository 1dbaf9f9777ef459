"""A node's token, fetched before Ray starts: ``python -m mmpipe.serve.ray.node_secrets FILE SECRET``.

The file is what ``RAY_AUTH_TOKEN_PATH`` names. So the token stands in no cluster file, no command line, no
environment of the container and no log.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmpipe.dispatch.tokens import read_secret
from mmpipe.errors import MmpipeError


def write_secret(file: Path, secret: str) -> None:
    """The text of ``secret`` (name or ARN in Secrets Manager) as ``file``, which only its owner may read.

    The file is replaced in one step: a reader sees the old token or the new one. Raises
    :class:`~mmpipe.errors.DispatchUnavailable` where the secret cannot be read.
    """
    text = read_secret(secret)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    fresh.replace(file)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="mmpipe.serve.ray.node_secrets", description="Fetch a node's token."
    )
    parser.add_argument("file", type=Path, help="where the token goes")
    parser.add_argument("secret", help="name or ARN in Secrets Manager")
    options = parser.parse_args(arguments)
    try:
        write_secret(options.file, options.secret)
    except (MmpipeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
