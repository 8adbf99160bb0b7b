"""Miners: which of the known pairs a step learns from.

A miner is called with the distances and the `Pairs` of some anchors and all their
candidates and returns `Pairs` whose weights are nowhere larger. What it keeps of an
anchor depends on that anchor's own row only. `CrossBatchMemory` and `GlobalMiner` say
what else a batch is compared with, and which rows share one.

`MINERS` maps the names that `ContrastiveEmbedding(miner=...)` takes to these classes.
"""

from sklearn_contrastive.miners._all import AllPairs
from sklearn_contrastive.miners._base import DrawingMiner, FunctionMiner, Miner
from sklearn_contrastive.miners._beyond import CrossBatchMemory, GlobalMiner
from sklearn_contrastive.miners._multi_similarity import MultiSimilarityPairs
from sklearn_contrastive.miners._nearest import HardPairs, LinkMiner, NearestPairs
from sklearn_contrastive.miners._random import DistanceWeightedPairs, RandomPairs

__all__ = [
    "MINERS",
    "AllPairs",
    "CrossBatchMemory",
    "DistanceWeightedPairs",
    "DrawingMiner",
    "FunctionMiner",
    "GlobalMiner",
    "HardPairs",
    "LinkMiner",
    "Miner",
    "MultiSimilarityPairs",
    "NearestPairs",
    "RandomPairs",
]

MINERS = {
    "all": AllPairs,
    "distance_weighted": DistanceWeightedPairs,
    "global": GlobalMiner,
    "hard": HardPairs,
    "memory": CrossBatchMemory,
    "multi_similarity": MultiSimilarityPairs,
    "nearest": NearestPairs,
    "random": RandomPairs,
    # The triplet loss chooses among all pairs by itself.
    "semihard": AllPairs,
}
