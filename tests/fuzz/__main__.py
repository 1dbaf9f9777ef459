"""Requests made from the service's own OpenAPI document, sent to the service (``python -m tests.fuzz``).

The service without Ray listens on 127.0.0.1 over a small lake of its own; schemathesis, from the virtual
environment that ``--schemathesis`` names, reads ``/openapi.json`` there and calls every operation,
with what the document allows and with what it does not. Each answer must be below 500, with a status, a
content type and a body that the document names (``schemathesis.toml``). The seed is fixed.
Ends with 1 where an answer was not so. Other arguments are those of ``schemathesis run``.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from mmpipe.serve.http.bounded_protocol import Door, protocol_for
from mmpipe.serve.standalone import standalone_app
from tests.serve.conftest import InProcessWork, catalogue, order_for, settings_for, write_feed

CONFIG = Path(__file__).with_name("schemathesis.toml")
START_SECONDS = 60
RUN_SECONDS = 300


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the service over a lake in ``folder`` that holds the tests' catalogue."""
    settings = settings_for(folder)
    feed = write_feed(folder, "all.jsonl", catalogue())
    outcomes = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    if [outcome.status for outcome in outcomes] != ["done"]:
        raise RuntimeError(f"the catalogue was not indexed: {outcomes}")
    door = Door(settings.serve)
    server = uvicorn.Server(
        uvicorn.Config(
            standalone_app(settings, door), http=protocol_for(door), log_level="warning", access_log=False
        )
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + START_SECONDS
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise RuntimeError("the service did not start")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def main() -> int:
    """Serve, call, stop."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=main.__doc__)
    parser.add_argument("--schemathesis", default=".venv-fuzz/bin/schemathesis", help="its command")
    known, passed_on = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        program = str(Path(known.schemathesis).absolute())
        command = [program, "--config-file", str(CONFIG), "run", f"{address}/openapi.json", *passed_on]
        environment = os.environ | {"NO_PROXY": "127.0.0.1"}
        # It leaves notes in the working directory.
        try:
            done = subprocess.run(command, env=environment, cwd=folder, timeout=RUN_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            print(f"stopped: not done after {RUN_SECONDS} seconds", file=sys.stderr)
            return 1
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
