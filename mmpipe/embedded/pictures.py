"""Small pictures of products as a notebook holds them, by the same way as the service hands them out."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mmpipe.errors import MmpipeError
from mmpipe.serve.answer.product_media import Width

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

# What is not there by then is left out: who looks at a table would rather see it without.
_WAIT_SECONDS: Final = 5.0


async def thumbnails(service: QueryService, collection: str, ids: Sequence[str]) -> Mapping[str, str]:
    """JPEGs as ``data:`` addresses, by product id, of those whose first picture can be had in time."""

    async def one(product_id: str) -> str:
        shown = await service.product_thumbnail(collection, product_id, 0, Width.SMALL)
        return f"data:{shown.content_type};base64,{base64.b64encode(shown.data).decode()}"

    if not ids:
        return {}
    tasks = {product_id: asyncio.create_task(one(product_id)) for product_id in ids}
    done, late = await asyncio.wait(tasks.values(), timeout=_WAIT_SECONDS)
    for task in late:
        task.cancel()
    found: dict[str, str] = {}
    for product_id, task in tasks.items():
        error = task.exception() if task in done else None
        if error is not None and not isinstance(error, MmpipeError):
            raise error
        if task in done and error is None:
            found[product_id] = task.result()
    return found
