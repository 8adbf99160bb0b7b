"""Encoders: how a row becomes a point.

An encoder makes parameters with `init` and applies them with `forward`, a function
of parameters and rows that speaks numpy and torch. `ENCODERS` maps the names that
`ContrastiveEmbedding(encoder=...)` takes to the classes of this module; a torch
module, or a factory of one, is adapted by `ModuleEncoder`.
"""

from functools import partial

from sklearn_contrastive.encoders._mlp import MLPEncoder, shared
from sklearn_contrastive.encoders._module import ModuleEncoder
from sklearn_contrastive.encoders._passes import AutogradPasses
from sklearn_contrastive.encoders._towers import Towers
from sklearn_contrastive.encoders._values import (
    ACTIVATIONS,
    mapped,
    side_by_side,
    to_sphere,
)

__all__ = [
    "ACTIVATIONS",
    "ENCODERS",
    "AutogradPasses",
    "MLPEncoder",
    "ModuleEncoder",
    "Towers",
    "mapped",
    "shared",
    "side_by_side",
    "to_sphere",
]

ENCODERS = {"mlp": MLPEncoder, "linear": partial(MLPEncoder, hidden_layer_sizes=())}
