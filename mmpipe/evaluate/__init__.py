"""Metrics, and runs of them over judged query sets through the real pipeline.

``search_eval`` indexes feeds into a temporary lake and asks it (``mmpipe eval search``); ``compare`` asks the
live table and a candidate the same and refuses what is worse (``mmpipe live compare``), ``pictures`` asks
pictures alone; ``fusion_eval`` says what fusing is worth, ``speech_eval`` what is understood of speech.
``metrics`` are those of rankings, ``classification`` of labels, ``judged`` reads the queries.
"""
