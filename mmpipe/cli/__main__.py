"""``python -m mmpipe.cli``: the ``mmpipe`` command where only the interpreter is on the path."""

from mmpipe.cli import main

if __name__ == "__main__":
    main()
