"""What shoppers of a collection did, in memory, a moment after it happened.

:class:`Behaviour` holds the events of one collection as columns and answers from them: a shopper's
:meth:`~Behaviour.history`, which items are bought or viewed :meth:`~Behaviour.together`, what is
:meth:`~Behaviour.trending` and :meth:`~Behaviour.popular`. :class:`BehaviourFollower` keeps the behaviour of
collections up to date from the lake.

* ``events``: what each type of event counts as, and how much.
* ``reading``: rows of the log to numbers; ``state``: these as a state that readers hold, appended to or made
  anew; ``kernels``: the compiled passes, of which ``layout`` says how a state lies in memory.
"""

from mmpipe.recommend.behaviour.answers import Counts, Done, History, Shopper
from mmpipe.recommend.behaviour.behaviour import Behaviour
from mmpipe.recommend.behaviour.events import TYPE_CODES, WEIGHTS
from mmpipe.recommend.behaviour.follower import BehaviourFollower, FollowStatus
from mmpipe.recommend.behaviour.reading import COLUMNS

__all__ = [
    "COLUMNS",
    "TYPE_CODES",
    "WEIGHTS",
    "Behaviour",
    "BehaviourFollower",
    "Counts",
    "Done",
    "FollowStatus",
    "History",
    "Shopper",
]
