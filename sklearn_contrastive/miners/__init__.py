"""Miners: which of the known pairs a step learns from.

A miner is called with the distances and the `Pairs` of some anchors and all their
candidates and returns `Pairs` whose weights are nowhere larger. What it keeps of an
anchor depends on that anchor's own row only.
"""

from sklearn_contrastive.miners._batch import AllPairs, NearestPairs

__all__ = ["MINERS", "AllPairs", "NearestPairs"]

MINERS = {"all": AllPairs, "nearest": NearestPairs}
