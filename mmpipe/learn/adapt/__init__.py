"""Adapt a profile's towers to a shop's own catalogue: ``mmpipe train encoders``.

:func:`mmpipe.learn.adapt.run.adapt` does all of it; :func:`mmpipe.learn.adapt.train.train` is one worker's
training function. Importing this package imports no torch.
"""
