"""The project's own contrastive trainer; ``python -m mmpipe.learn.starter`` trains the starter profile."""
