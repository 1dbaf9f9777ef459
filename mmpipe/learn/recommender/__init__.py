"""Recommenders in production: trained on a collection's log, chosen, gated, registered (``mmpipe train
recommender``, and the timetable's job).

``run`` is the whole of it on one page. ``events`` makes sequences of the log, ``catalogue`` reads the live
table, ``corpus`` is what models of :mod:`mmpipe.learn.recommend` are fitted on, ``candidates`` which;
``judged`` measures them as they are served, ``ranking`` trains the ranker and ``calibration`` its
probabilities, ``export`` writes a model's folder. ``erased`` shows which models may hold somebody who was
erased.
"""
