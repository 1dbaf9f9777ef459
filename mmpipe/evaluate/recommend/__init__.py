"""How well models recommend, measured offline on what shoppers did next (``mmpipe eval recommend``).

``interactions`` reads files, ``splits`` parts what is known from what is to be foretold, ``ranking`` holds
the measures, ``run`` fits a model and measures it. Models are given (:class:`~.run.Model`); those that are
trained live in :mod:`mmpipe.learn.recommend`.
"""
