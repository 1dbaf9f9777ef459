"""A catalogue to try mmpipe with, and the demo that does; see README.md. No part of what runs in a shop."""
