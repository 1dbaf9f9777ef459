"""The kinds of lists. A kind gives candidates with the parts of their scores; what it lacks others give.

``past`` is what a shopper did and the taste that follows from it, ``strength`` how products go together,
``shelf`` what is known of a version's products beyond its columns, ``asked`` all of these as one list sees
them; ``product``, ``shopper`` and ``everybody`` are the kinds themselves, by what they are about, and
``plans`` says what stands for each where it has too little.
"""
