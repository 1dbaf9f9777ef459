"""What a running stack tells other commands: addresses and tokens, in a file only its owner can read.

Whether it still runs is told by a lock that the kernel releases with its process, not by a process id.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from mmpipe.errors import InvalidRequest
from mmpipe.settings import DispatchSettings, Settings

FILE_NAME = "stack.json"
LOCK_NAME = "stack.lock"


class StackState(BaseModel):
    """One running stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stack_id: str
    pid: int
    url: str
    """The HTTP API."""
    jobs_url: str
    """Ray's dashboard and Jobs API."""
    s3_url: str
    uploads_bucket: str
    queue_url: str
    dead_letters_url: str
    lake_uri: str
    profile: str
    token: SecretStr
    ray_token: SecretStr
    started_at: datetime

    @field_serializer("token", "ray_token", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        return value.get_secret_value()

    def apply(self, settings: Settings) -> Settings:
        """The settings with which another process reaches this stack's lake and services."""
        dispatch = DispatchSettings(
            indexer_url=self.url,
            jobs_url=self.jobs_url,
            token=self.token,
            ray_token=self.ray_token,
            queue_url=self.queue_url,
            dlq_url=self.dead_letters_url,
        )
        return settings.model_copy(
            update={
                "storage": settings.storage.model_copy(update={"endpoint_url": self.s3_url}),
                "dispatch": dispatch,
                "lake": settings.lake.model_copy(update={"uri": self.lake_uri}),
                "indexing": settings.indexing.model_copy(update={"profile": self.profile}),
            }
        )


def write_state(folder: Path, state: StackState) -> Path:
    """Write ``<folder>/stack.json`` with mode 0600, in one step."""
    path = folder / FILE_NAME
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".stack-")  # created with mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(state.model_dump_json(indent=2) + "\n")
    os.replace(temporary, path)
    return path


def read_state(folder: Path) -> StackState | None:
    """The state in a folder, also of a stack that has died; None where there is none.

    Raises :class:`InvalidRequest` for a file that is not ours.
    """
    try:
        text = (folder / FILE_NAME).read_text()
    except FileNotFoundError:
        return None
    try:
        return StackState.model_validate_json(text)
    except ValidationError as error:
        path = folder / FILE_NAME
        raise InvalidRequest("folder", f"{path} was not written by this release; remove it") from error


def clear_state(folder: Path) -> None:
    """Remove the state, or what a killed stack has left of it. For the holder of the folder's lock."""
    (folder / FILE_NAME).unlink(missing_ok=True)


class StackLock:
    """One stack per folder. The lock file names what a stack that was killed has left behind."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._fd: int | None = None

    def acquire(self) -> dict[str, str]:
        """Take the lock; returns what the last holder wrote and never cleared.

        Raises :class:`InvalidRequest` where another stack runs in this folder.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise InvalidRequest(
                "folder",
                f"a stack is already running in {self._path.parent}; stop it or give another --folder",
            ) from None
        self._fd = fd
        try:
            left = json.loads(os.pread(fd, 65_536, 0))
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in left.items()} if isinstance(left, dict) else {}

    def note(self, facts: dict[str, str]) -> None:
        """Write down what has to be cleaned up should this process be killed."""
        assert self._fd is not None, "the lock is not held"
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(facts).encode(), 0)

    def release(self) -> None:
        """Everything is cleaned up: clear the notes and let go."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def is_running(folder: Path) -> bool:
    """Whether a stack holds this folder's lock."""
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
