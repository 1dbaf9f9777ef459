"""Tools for assistants, by the Model Context Protocol: a catalogue searched, explained and looked after.

``tools`` is what there is, with the words for the model that chooses; ``arguments`` what they take,
``answers`` what they say, ``explaining`` why a product stands where it stands. They ask a ``shop`` (a lake in
this process, or a query service at an address), and ``uploads`` what became of what was uploaded. ``access``
says who may call which, ``pictures`` which files may be looked at; ``server`` speaks the protocol over
standard input and output, ``http`` over Streamable HTTP.

Every tool reads only. What a tool answers is bounded (``answers.MAX_CHARS``), and texts of a catalogue are
handed on as data: whole or visibly cut, never as part of a sentence of ours.
"""
