"""The user's tables and labels: what they hold, and error messages."""

from sklearn_contrastive._validation._columns import SEEN
from sklearn_contrastive._validation._frames import TwoFrames
from sklearn_contrastive._validation._messages import short_errors, shorten, shortened
from sklearn_contrastive._validation._pairs import (
    check_pair_labels,
    check_pairs,
    check_partners,
    two_frames,
)
from sklearn_contrastive._validation._params import validate
from sklearn_contrastive._validation._shared import SharedRows
from sklearn_contrastive._validation._sparse import SparseRows, dense_needed
from sklearn_contrastive._validation._tables import (
    check_real,
    column_names,
    take_rows,
)
from sklearn_contrastive._validation._values import (
    check_given,
    check_labels,
    check_length,
    check_params,
    check_rows,
    first_fraction,
    holds_sets,
    infer_similarity,
    read_numbers,
    read_values,
)

__all__ = [
    "SEEN",
    "SharedRows",
    "SparseRows",
    "TwoFrames",
    "check_given",
    "check_labels",
    "check_length",
    "check_pair_labels",
    "check_pairs",
    "check_params",
    "check_partners",
    "check_real",
    "check_rows",
    "column_names",
    "dense_needed",
    "first_fraction",
    "holds_sets",
    "infer_similarity",
    "read_numbers",
    "read_values",
    "short_errors",
    "shorten",
    "shortened",
    "take_rows",
    "two_frames",
    "validate",
]
