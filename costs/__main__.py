"""``python -m costs``, from the checkout's own folder."""

from costs.command import app
from mmpipe.cli import run

if __name__ == "__main__":
    run(app)
