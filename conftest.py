"""Settings for every test and doctest."""

import os

# Before numpy and torch are loaded: two busy cores make two-thread steps very slow.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
