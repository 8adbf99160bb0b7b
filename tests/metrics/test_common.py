"""What holds for every metric of embedded rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_contrastive import metrics

RNG = np.random.RandomState(0)
N_ROWS = 60
Y = RNG.randint(4, size=N_ROWS)
Z = RNG.normal(size=(N_ROWS, 4)) + 0.5 * Y[:, None]
X = RNG.normal(size=(N_ROWS, 6)) + Z[:, :1]
GALLERY, Y_GALLERY = Z[::-1] + 0.3, Y[::-1]

#: Metrics of points and labels whose rows belong together: `order` permutes them.
WITHIN = {
    "alignment": lambda Z, order: metrics.alignment(Z, Y[order]),
    "effective_rank": lambda Z, order: metrics.effective_rank(Z),
    "embedding_consistency": lambda Z, order: metrics.embedding_consistency(
        [Z, X[order]]
    ),
    "hubness": lambda Z, order: metrics.hubness(Z),
    "map_at_r": lambda Z, order: metrics.map_at_r(Z, Y[order]),
    "mean_reciprocal_rank": lambda Z, order: metrics.mean_reciprocal_rank(Z, Y[order]),
    "neighborhood_preservation": lambda Z, order: metrics.neighborhood_preservation(
        X[order], Z
    ),
    "precision_at_1": lambda Z, order: metrics.precision_at_1(Z, Y[order]),
    "r_precision": lambda Z, order: metrics.r_precision(Z, Y[order]),
    "recall_at_k": lambda Z, order: metrics.recall_at_k(Z, Y[order], 2),
    "retrieval_scores": lambda Z, order: list(
        metrics.retrieval_scores(Z, Y[order], average="macro").values()
    ),
    "uniformity": lambda Z, order: metrics.uniformity(Z),
}
#: Metrics with tests of their own: of distances, of two samples, and of estimators.
OTHERS = {"equal_error_rate", "far_frr_curve", "frr_at_far", "neighbor_drift"}
SCORERS = {name for name in metrics.__all__ if "scorer" in name.lower()}
#: By which power of a factor on distances a metric is multiplied, if not by 0.
POWERS = {"alignment": 2, "uniformity": None}

HERE = np.arange(N_ROWS)
every = pytest.mark.parametrize("name", sorted(WITHIN))


def test_every_metric_is_covered():
    assert set(metrics.__all__) == set(WITHIN) | OTHERS | SCORERS


@every
def test_order_of_rows_does_not_matter(name):
    order = np.random.RandomState(1).permutation(N_ROWS)
    expected = WITHIN[name](Z, HERE)
    assert WITHIN[name](Z[order], order) == pytest.approx(expected, rel=1e-9)


@every
def test_rotation_and_translation_do_not_matter(name):
    turn = np.linalg.qr(np.random.RandomState(1).normal(size=(4, 4)))[0]
    turn[:, 0] *= -1
    expected = WITHIN[name](Z, HERE)
    moved = WITHIN[name](Z @ turn + [10, -3, 0, 0.1], HERE)
    assert moved == pytest.approx(expected, rel=1e-9)
    # Components that are always zero add nothing.
    wider = WITHIN[name](np.hstack([Z, np.zeros((N_ROWS, 2))]), HERE)
    assert wider == pytest.approx(expected, rel=1e-9)


@every
def test_the_unit_of_distance_does_not_matter_where_it_should_not(name):
    power, first = POWERS.get(name, 0), WITHIN[name](Z, HERE)
    for scale in (1e-3, 7.0, 1e6):
        other = WITHIN[name](Z * scale, HERE)
        if power is None:
            # The farther apart, the more evenly spread.
            assert (other < first) == (scale > 1)
        else:
            assert other == pytest.approx(np.multiply(first, scale**power), rel=1e-9)


@every
def test_float32_is_computed_as_float64(name):
    single = Z.astype(np.float32)
    as_single = WITHIN[name](single, HERE)
    assert as_single == pytest.approx(WITHIN[name](single.astype(float), HERE), rel=0)
    assert as_single == pytest.approx(WITHIN[name](Z, HERE), rel=1e-5)


@every
def test_tables_of_any_kind_are_read_and_left_alone(name):
    read_only, expected = Z.copy(), WITHIN[name](Z, HERE)
    read_only.flags.writeable = False
    for table in (Z.tolist(), pd.DataFrame(Z), read_only):
        assert WITHIN[name](table, HERE) == pytest.approx(expected, rel=0)
        assert (np.asarray(table) == Z).all()


@pytest.mark.parametrize(
    "name", ["map_at_r", "mean_reciprocal_rank", "precision_at_1", "r_precision"]
)
def test_order_of_the_gallery_does_not_matter(name):
    metric = getattr(metrics, name)
    order = np.random.RandomState(1).permutation(N_ROWS)
    first = metric(Z, Y, gallery=GALLERY, y_gallery=Y_GALLERY)
    other = metric(Z, Y, gallery=GALLERY[order], y_gallery=Y_GALLERY[order])
    assert other == pytest.approx(first, rel=1e-12)
