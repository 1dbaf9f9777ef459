"""Where model files come from: a hub that says, for every file of a commit, what its bytes must be."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

from mmpipe.errors import ModelUnavailable

_LIBRARY = "mmpipe"
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


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

    def fetch(self, model: RemoteModel, names: Sequence[str], folder: Path) -> None:
        """Download these files of that commit below ``folder``, and no others.

        Files that an earlier call left whole in the same folder are not asked for again. Raises
        ``ModelUnavailable`` unless every one of them is there.
        """
        ...


class HuggingFaceHub:
    """The Hugging Face hub or a server that speaks as it does.

    The variable HF_TOKEN, and no other token of the machine, is sent to it: over https, or to this machine;
    never to where the hub redirects to. No usage figures are sent.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @property
    def name(self) -> str:
        return self._url

    def resolve(self, repo: str, revision: str | None) -> RemoteModel:
        from huggingface_hub import HfApi

        with _explained(self._url, repo, revision):
            api = HfApi(endpoint=self._url, token=self._token(), library_name=_LIBRARY)
            info = api.model_info(repo, revision=revision, files_metadata=True)
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

    def fetch(self, model: RemoteModel, names: Sequence[str], folder: Path) -> None:
        from huggingface_hub import snapshot_download

        with _explained(self._url, model.repo, model.revision):
            snapshot_download(
                model.repo,
                revision=model.revision,
                allow_patterns=list(names),
                local_dir=folder,
                endpoint=self._url,
                token=self._token(),
                library_name=_LIBRARY,
            )
            # It hands out what is in the folder where the hub cannot be reached.
            absent = [name for name in names if not (folder / name).is_file()]
            if absent:
                raise FileNotFoundError(f"{', '.join(absent[:3])} did not arrive")

    def _token(self) -> str | bool:
        """HF_TOKEN or False, which forbids its client to look for others. Plain http would show it."""
        address = urlsplit(self._url)
        private = address.scheme == "https" or address.hostname in _THIS_MACHINE
        token = os.environ.get("HF_TOKEN", "").strip()
        return token if token and private else False


@contextmanager
def _explained(url: str, repo: str, revision: str | None) -> Iterator[None]:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The bases of the hub's own error are OSError and the root of the HTTP library its release is built on.
    transport = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    # Set here, since its variable counts only before the first import, which another library may have made.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    except HFValidationError as error:
        raise ModelUnavailable(f"no repository of a hub can be called {repo}: {error}") from error
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
            f"{repo} could not be fetched from {url}: {str(error).rstrip('.')}. On a machine without a"
            " network, copy the repository's files here and run `mmpipe models pull PROFILE --from FOLDER`"
        ) from error
