"""Where model files come from: a hub that says, for every file of a commit, what its bytes must be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from mmpipe.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the hub publishes of a file: the SHA-256 of one stored as a large file, else its git blob id."""

    sha256: str | None
    git_blob_id: str | None


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """One commit of one repository."""

    repo: str
    revision: str
    files: Mapping[str, RemoteFile]


class Hub(Protocol):
    """What pulling a model needs of a hub."""

    @property
    def name(self) -> str:
        """Its address, for the lock and for messages."""
        ...

    def resolve(self, repo: str, revision: str | None) -> RemoteModel:
        """The commit that a branch, tag or commit id names; None is the default branch.

        Raises ``ModelUnavailable``.
        """
        ...

    def fetch(self, model: RemoteModel, name: str, folder: Path) -> Path:
        """Download one file of that commit below ``folder``. Raises ``ModelUnavailable``."""
        ...


class HuggingFaceHub:
    """The Hugging Face hub or a server that speaks as it does. A token comes from its own HF_TOKEN."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @property
    def name(self) -> str:
        return self._url

    def resolve(self, repo: str, revision: str | None) -> RemoteModel:
        from huggingface_hub import HfApi

        with _explained(self._url, repo, revision):
            info = HfApi(endpoint=self._url).model_info(repo, revision=revision, files_metadata=True)
        if not re.fullmatch(r"[0-9a-f]{40}", info.sha or ""):
            raise ModelUnavailable(f"{self._url} names no commit of {repo}, but {info.sha!r}")
        files = {
            sibling.rfilename: RemoteFile(
                sha256=sibling.lfs.sha256 if sibling.lfs else None,
                # Of a large file the blob is the pointer, not the content.
                git_blob_id=None if sibling.lfs else sibling.blob_id,
            )
            for sibling in info.siblings or []
        }
        return RemoteModel(repo, str(info.sha), files)

    def fetch(self, model: RemoteModel, name: str, folder: Path) -> Path:
        from huggingface_hub import hf_hub_download

        with _explained(self._url, model.repo, model.revision):
            return Path(
                hf_hub_download(
                    model.repo, name, revision=model.revision, local_dir=folder, endpoint=self._url
                )
            )


@contextmanager
def _explained(url: str, repo: str, revision: str | None) -> Iterator[None]:
    from huggingface_hub.errors import (
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The bases of the hub's own error are OSError and the root of the HTTP library its release is built on.
    transport = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise ModelUnavailable("HF_HUB_OFFLINE is set: unset it to pull models") from error
    except RevisionNotFoundError as error:
        raise ModelUnavailable(f"{url} has no revision '{revision}' of {repo}") from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"{url} has no public model {repo} (for a private one, set HF_TOKEN)"
        ) from error
    except transport as error:
        raise ModelUnavailable(
            f"{repo} could not be fetched from {url}: {error}. On a machine without a network, copy the"
            " repository's files here and run `mmpipe models pull PROFILE --from FOLDER`"
        ) from error
