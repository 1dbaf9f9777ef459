"""What crosses a boundary: pydantic models for products, events, work, runs, search.

Nothing here touches storage, a network or a model, so both the zip Lambdas and the GPU workers use it.
"""
