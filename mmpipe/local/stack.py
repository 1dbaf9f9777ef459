"""The one-machine stack: started together, ended together, nothing left behind."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import SecretStr

from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import dispatcher_for
from mmpipe.dispatch.environment import to_environment
from mmpipe.dispatch.redelivery import Redelivery
from mmpipe.errors import NotReady
from mmpipe.local.cloud import LAKE_BUCKET, REGION, UPLOADS_BUCKET, LocalCloud, client_environment
from mmpipe.local.processes import MARKER, Child, sweep
from mmpipe.local.pump import EventPump, PumpSettings
from mmpipe.local.state import StackLock, StackState, clear_state, write_state
from mmpipe.serve.ray import haproxy
from mmpipe.serve.ray.run import environment as serve_environment
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import DispatchSettings, Settings

logger = logging.getLogger(__name__)

_SCRATCH_PREFIX = "mmpipe-stack-"
# Ray, two applications and their models: minutes on a machine that others use. What ends meanwhile is told at
# once.
_RAY_START_SECONDS = 600.0
_RAY_STOP_SECONDS = 30.0


class Stack:
    """moto's S3 and SQS, the event pump with the real handler, local Ray, and the query service on it.

    Its HTTP services listen on loopback, on ports that were free. Ray's own ports are on every interface,
    for Ray replaces a loopback address by the machine's: calls need the stack's token, and only the proxy's
    metrics are open. ``lake_uri`` names a folder for the tables; without it they are in the stack's own
    object store and gone with it. A context manager; ``start`` and ``stop`` may also be called by hand, and
    what is still running when the interpreter ends is stopped.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        lake_uri: str | None = None,
        pump: PumpSettings | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._base = settings
        self._folder = folder.resolve()
        self._lake_uri = lake_uri
        self._pump_settings = pump
        self._progress = progress or (lambda step: None)
        self._running = contextlib.ExitStack()
        self._cloud: LocalCloud | None = None
        self._ray: Child | None = None
        self._state: StackState | None = None
        self._settings: Settings | None = None

    @property
    def state(self) -> StackState:
        """Addresses and tokens. Raises :class:`NotReady` before the stack has started."""
        if self._state is None:
            raise NotReady("the stack is not running; start it first")
        return self._state

    @property
    def settings(self) -> Settings:
        """The settings that reach this stack. Raises :class:`NotReady` before it has started."""
        if self._settings is None:
            raise NotReady("the stack is not running; start it first")
        return self._settings

    @property
    def cloud(self) -> LocalCloud:
        """Its object store and queues. Raises :class:`NotReady` before it has started."""
        if self._cloud is None:
            raise NotReady("the stack is not running; start it first")
        return self._cloud

    def requests(self) -> dict[str, Any]:
        """Requests that the object store and queue have seen; see :meth:`LocalCloud.requests`."""
        return self.cloud.requests()

    def failure(self) -> str | None:
        """Which of its processes has died, with the end of its log; None while all is well."""
        if self._cloud is not None and not self._cloud.running():
            return "the object store has ended"
        if self._ray is not None and not self._ray.running():
            return f"Ray has ended; its log ends:\n{self._ray.tail()}"
        return None

    def __enter__(self) -> Stack:
        """Start, unless that has been done."""
        return self if self._state is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Stack:
        """Start everything; on any failure, Ctrl-C included, stop what has started and raise.

        Raises :class:`mmpipe.errors.InvalidRequest` where a stack runs in the folder, :class:`NotReady` where
        a part does not come up.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, in the reverse order. May be called again."""
        atexit.unregister(self.stop)
        self._state = self._settings = None
        self._running.close()
        self._cloud = self._ray = None

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = StackLock(self._folder)
        left = lock.acquire()
        self._running.callback(lock.release)
        clear_state(self._folder)
        _clean_up_after(left)
        atexit.register(self.stop)
        stack_id = secrets.token_hex(8)
        # Short, for sockets are in it and their paths may have about 100 characters.
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX))
        lock.note({"stack_id": stack_id, "scratch": str(scratch)})
        self._running.callback(shutil.rmtree, scratch, ignore_errors=True)
        self._running.callback(_sweep, stack_id)

        self._progress("object store and queue")
        cloud = LocalCloud(self._folder, stack_id)
        self._running.callback(cloud.stop)
        cloud.start()
        self._cloud = cloud

        gcs_port, dashboard_port = free_port(), free_port()
        port = _serve_port(self._base)
        settings = self._resolve(cloud, scratch, port=port, dashboard_port=dashboard_port)
        self._settings = settings

        self._progress("Ray and the query service")
        haproxy.install(scratch)
        environment = _environment(settings, scratch, stack_id)
        arguments = [str(scratch), str(gcs_port), str(dashboard_port)]
        self._ray = Child("mmpipe.local.ray_host", arguments, environment, self._folder / "ray.log")
        self._running.callback(self._ray.stop, _RAY_STOP_SECONDS)
        ready = self._ray.wait_ready(_RAY_START_SECONDS)

        self._progress("event pump")
        redelivery = Redelivery(cloud.queue_url, client=cloud.sqs)
        handler = build_handler(settings.indexing, dispatcher_for(settings), redelivery)
        pump = EventPump(cloud.sqs, cloud.queue_url, handler, self._pump_settings)
        self._running.callback(pump.stop)
        pump.start()

        state = StackState(
            stack_id=stack_id,
            pid=os.getpid(),
            url=ready["url"],
            jobs_url=ready["jobs_url"],
            s3_url=cloud.url,
            uploads_bucket=UPLOADS_BUCKET,
            queue_url=cloud.queue_url,
            dead_letters_url=cloud.dead_letters_url,
            lake_uri=settings.lake.uri,
            profile=settings.indexing.profile,
            token=settings.dispatch.token,
            ray_token=settings.dispatch.ray_token,
            started_at=datetime.now(UTC),
        )
        self._running.callback(clear_state, self._folder)
        write_state(self._folder, state)
        self._state = state

    def _resolve(self, cloud: LocalCloud, scratch: Path, *, port: int, dashboard_port: int) -> Settings:
        base = self._base
        mirror = base.serve.mirror_dir or str(scratch / "mirror")  # else it would outlive a killed replica
        local = {"port": port, "host": "127.0.0.1", "mirror_dir": mirror, "demo_key": True, "uploads": True}
        serve = base.serve.model_copy(update=local)
        dispatch = DispatchSettings(
            indexer_url=f"http://127.0.0.1:{port}",
            jobs_url=f"http://127.0.0.1:{dashboard_port}",
            token=SecretStr(secrets.token_urlsafe(32)),
            ray_token=SecretStr(secrets.token_hex(32)),
            queue_url=cloud.queue_url,
            dlq_url=cloud.dead_letters_url,
            timeout_seconds=base.dispatch.timeout_seconds,
        )
        lake_uri = self._lake_uri or f"s3://{LAKE_BUCKET}/lake"
        if "://" not in lake_uri:
            lake_uri = str(Path(lake_uri).resolve())  # the service runs in another working directory
        return base.model_copy(
            update={
                # Uploads are in the local object store, whatever the lake is in.
                "storage": base.storage.model_copy(update={"endpoint_url": cloud.url, "region": REGION}),
                "lake": base.lake.model_copy(update={"uri": lake_uri}),
                "indexing": base.indexing.model_copy(update={"uploads_uri": f"s3://{UPLOADS_BUCKET}"}),
                "serve": serve,
                "dispatch": dispatch,
            }
        )


def _serve_port(settings: Settings) -> int:
    """The configured port, or where something has it already, any other."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.serve.port))
        except OSError:
            return free_port()
    return settings.serve.port


def _environment(settings: Settings, scratch: Path, stack_id: str) -> dict[str, str]:
    """What Ray's processes get: how to reach everything, and the secrets that must not be in argv."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MMPIPE_"))}
    sections = ("storage", "media", "feeds", "indexing", "lake", "serve", "dispatch")
    return {
        **inherited,
        # Job entrypoints say "python"; that has to be this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        **client_environment(),
        **serve_environment(scratch),
        **to_environment(settings, sections),
        "MMPIPE_DISPATCH__TOKEN": settings.dispatch.token.get_secret_value(),
        "MMPIPE_DISPATCH__RAY_TOKEN": settings.dispatch.ray_token.get_secret_value(),
        "MMPIPE_SERVE__API_KEYS": settings.serve.api_keys.get_secret_value(),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": settings.dispatch.ray_token.get_secret_value(),
        MARKER: stack_id,
    }


def _sweep(stack_id: str) -> None:
    count = sweep(stack_id)
    if count:
        logger.info("processes that were left over were ended", extra={"count": count})


def _clean_up_after(left: dict[str, str]) -> None:
    """End the processes and remove the files of a stack that was killed in this folder."""
    if stack_id := left.get("stack_id"):
        _sweep(stack_id)
    scratch = Path(left.get("scratch", ""))
    # Only what we would have made ourselves, whatever the file says.
    if scratch.name.startswith(_SCRATCH_PREFIX) and scratch.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(scratch, ignore_errors=True)
