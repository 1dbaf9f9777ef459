"""What crosses a boundary: pydantic models for products, events, work, runs, search.

Nothing here touches storage, a network or a model, so both the zip Lambdas and the GPU workers use it.

* ``product``: :class:`~mmpipe.schemas.product.Product` and what is public of it;
* ``order``: :class:`~mmpipe.schemas.order.SourceOrder`, the place of a write among all others;
* ``work``: events, work orders and their outcomes; ``run_id_of``, by which the same event is the same run;
* ``run``: the ledger's records and the rejects; ``feed``: what was found in one feed file;
* ``search``: requests and responses of the HTTP API; ``interaction``: what shoppers did; ``collections``,
  ``people``, ``analytics``, ``stock``, ``rules``: its other answers; ``problem``: what went wrong;
* ``maintenance``: what the timetable asks for;
* ``names``: what ids and collections may be called; ``currencies``: which there are.
"""
