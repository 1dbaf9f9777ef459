"""The classifier of what reviews say: its phrases, its training, and the sentences that it is measured on."""
