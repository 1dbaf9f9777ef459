"""moto's S3 with the guarantee that conditional writes are for."""

from __future__ import annotations

import functools
import threading
from typing import Any


@functools.cache
def make_puts_atomic() -> None:
    """From now on moto's S3 in this process looks at the condition of a PUT and stores it in one go, as S3
    does.

    moto 5.2.5 does one after the other: of two writers that race both are told that they were first, and what
    one of them wrote is lost. Does nothing the second time.
    """
    from moto.s3.responses import S3Response

    plain = S3Response.put_object
    lock = threading.Lock()

    @functools.wraps(plain)
    def put_object(response: S3Response) -> Any:
        with lock:  # bodies have arrived by now: nobody waits for a slow writer
            return plain(response)

    S3Response.put_object = put_object
