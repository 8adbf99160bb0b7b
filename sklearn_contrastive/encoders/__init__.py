"""Encoders: how a row becomes a point.

An encoder makes parameters with `init` and applies them with `forward`, a function of
parameters and rows for numpy and torch. `ENCODERS` maps the names that
`ContrastiveEmbedding(encoder=...)` takes to the classes of this module; a torch module,
or a factory of one, is wrapped in a `ModuleEncoder`.
"""

from functools import partial

from sklearn_contrastive.encoders._activations import ACTIVATIONS
from sklearn_contrastive.encoders._mlp import (
    Encoder,
    Levels,
    MLPEncoder,
    place_points,
    share_components,
    to_sphere,
)
from sklearn_contrastive.encoders._module import ModuleEncoder
from sklearn_contrastive.encoders._towers import Towers

__all__ = [
    "ACTIVATIONS",
    "ENCODERS",
    "Encoder",
    "Levels",
    "MLPEncoder",
    "ModuleEncoder",
    "Towers",
    "place_points",
    "share_components",
    "to_sphere",
]

ENCODERS = {"mlp": MLPEncoder, "linear": partial(MLPEncoder, hidden_layer_sizes=())}
