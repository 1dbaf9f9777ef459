"""What an upload is: its object, its version, its rows.

What is there when an order is executed decides, not the event (decision 7): a product, its absence, a medium.
A feed is read as the version that its event named while that exists, for feeds may be partial: every upload
counts, also one that was soon replaced. An upload is ordered by the Last-Modified of the version that was
read, a removal, and what it revealed, by its event time, both in whole seconds; the sequencer settles the
same second (:mod:`mmpipe.schemas.order`).
"""
