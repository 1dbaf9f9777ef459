"""One model of transformers is loaded at a time, in the whole process.

While it loads one, transformers (5.23) turns the tying of weights off for every model of the process, so that
another that is loaded in a second thread ends without its tied weights
(findings/transformers-loads-in-threads.sh). Whoever calls a model's ``from_pretrained`` holds this.
"""

from __future__ import annotations

import threading
from typing import Final

LOADING: Final = threading.Lock()
