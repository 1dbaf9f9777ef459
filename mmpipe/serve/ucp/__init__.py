"""What shopping agents ask by the Universal Commerce Protocol (UCP), catalogue part, version 2026-04-08:
search, lookup and one product in detail, whichever transport they came by.

* ``requests`` are the bodies, ``terms`` what was agreed with the agent that asks, ``agents`` how its profile
  is read where a setting allows it, ``refused`` what is answered instead.
* ``families`` reads products by their groups, ``options`` tells their variants apart, ``told`` writes them as
  the protocol has them, ``catalogue`` is the three operations.
* ``discovery`` is the shop's own profile, ``extensions`` what this service has beyond the protocol.

A product of the protocol is a group of ours (``item_group_id``), or a product without one; its variants are
our products. Transports are in :mod:`mmpipe.serve.http.ucp_routes` and ``ucp_mcp``.
"""
