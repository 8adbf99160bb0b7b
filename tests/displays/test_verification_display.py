"""What VerificationDisplay shows: the errors of every threshold."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy.special import ndtri
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive.displays import VerificationDisplay
from sklearn_contrastive.displays._rows import draw_pairs
from sklearn_contrastive.metrics import equal_error_rate
from sklearn_contrastive.verification import PairVerifier

random = np.random.default_rng(0)
SAME = random.random(300) < 0.4
DISTANCES = np.where(SAME, 0.6, 1.0) * random.gamma(9, 0.1, 300)


def test_the_rates_are_those_of_a_literal_count():
    display = VerificationDisplay.from_predictions(SAME, DISTANCES)
    assert display.n_same == SAME.sum()
    assert display.n_different == (~SAME).sum()
    assert len(display.thresholds) == 301
    for far, frr, threshold in zip(
        display.far, display.frr, display.thresholds, strict=True
    ):
        assert far == pytest.approx(np.mean(DISTANCES[~SAME] <= threshold))
        assert frr == pytest.approx(np.mean(DISTANCES[SAME] > threshold))
    assert display.eer == equal_error_rate(SAME, DISTANCES)


@pytest.mark.parametrize("kind", ["det", "roc"])
def test_the_line_shows_the_rates_with_the_equal_error_rate_among_them(kind):
    display = VerificationDisplay.from_predictions(SAME, DISTANCES, kind=kind)
    x, y = display.line_.get_data()
    [crossing] = display.line_.get_markevery()
    if kind == "roc":
        y = 1 - y
    assert x[crossing] == pytest.approx(display.eer)
    assert y[crossing] == pytest.approx(display.eer)
    limits = [(0.25 / n, 1 - 0.25 / n) for n in (display.n_different, display.n_same)]
    if kind == "roc":
        limits = [(0, 1), (0, 1)]
    np.testing.assert_allclose(np.delete(x, crossing), display.far.clip(*limits[0]))
    np.testing.assert_allclose(np.delete(y, crossing), display.frr.clip(*limits[1]))
    # In order: the curve passes through the mark.
    assert np.all(np.diff(x) >= 0)
    assert np.all(np.diff(y) <= 0)
    assert display.text_.get_text() == f"EER {100 * display.eer:.3g} %"
    assert display.text_.xy == pytest.approx(
        (x[crossing], y[crossing] if kind == "det" else 1 - y[crossing])
    )


def test_normal_deviates_are_evenly_spaced_and_ticks_are_round():
    ax = VerificationDisplay.from_predictions(SAME, DISTANCES).ax_
    ax.get_figure().draw_without_rendering()
    for axis, coordinate in ((ax.xaxis, 0), (ax.yaxis, 1)):
        rates = axis.get_majorticklocs()
        assert len(rates) >= 4
        words = [label.get_text() for label in axis.get_ticklabels()]
        assert words == [f"{100 * rate:g}" for rate in rates]
        assert set(words) <= set("0.1 0.2 0.5 1 2 5 10 20 30 40 50 60 70 80 90".split())
        points = np.column_stack([rates, rates])
        places = ax.transData.transform(points)[:, coordinate]
        steps = np.diff(places) / np.diff(ndtri(rates))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


@pytest.mark.parametrize("kind", ["det", "roc"])
def test_pairs_that_are_told_apart_have_no_error(kind):
    display = VerificationDisplay.from_predictions(
        [1, 1, 0], [0.1, 0.2, 0.5], kind=kind
    )
    assert display.eer == 0
    assert np.isfinite(display.line_.get_xydata()).all()
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize("kind", ["det", "roc"])
def test_distances_the_wrong_way_round_are_in_sight(kind):
    display = VerificationDisplay.from_predictions(~SAME, DISTANCES, kind=kind)
    assert display.eer > 0.5
    x, y = display.line_.get_data()
    [crossing] = display.line_.get_markevery()
    left, right = display.ax_.get_xlim()
    bottom, top = display.ax_.get_ylim()
    assert left <= x[crossing] <= right
    assert bottom <= y[crossing] <= top


@pytest.mark.parametrize("kind", ["det", "roc"])
def test_several_curves_share_an_axes(kind):
    first = VerificationDisplay.from_predictions(SAME, DISTANCES, kind=kind, name="one")
    second = VerificationDisplay.from_predictions(
        SAME[:200], DISTANCES[:200] ** 0.1, kind=kind, name="two", ax=first.ax_
    )
    assert [text.get_text() for text in second.legend_.get_texts()] == [
        f"one\nEER {100 * first.eer:.3g} %",
        f"two\nEER {100 * second.eer:.3g} %",
    ]
    for look in ("color", "marker", "linestyle"):
        assert (
            getattr(first.line_, f"get_{look}")()
            != getattr(second.line_, f"get_{look}")()
        )
    assert first.text_ is second.text_ is None
    assert second.ax_.get_title(loc="left") == f"{kind.upper()} curve"
    equal = [line for line in second.ax_.lines if line.get_label() == "_equal"]
    assert len(equal) == 1


def test_a_verifier_measures_its_pairs(trained, iris):
    X, y = iris
    ends, same = draw_pairs(y, 80, 0)
    words = np.where(same, "same", "other")
    verifier = PairVerifier(FrozenEstimator(trained)).fit(X[ends], words)
    display = VerificationDisplay.from_estimator(verifier, X[ends], words)
    expected = equal_error_rate(same, verifier.pair_distance(X[ends]))
    assert display.eer == expected
    assert display.name == "PairVerifier"
    plain = VerificationDisplay.from_estimator(trained, X[ends], same, kind="roc")
    np.testing.assert_array_equal(plain.far, display.far)


def test_it_can_be_drawn_again_as_the_other_kind():
    display = VerificationDisplay.from_predictions(SAME, DISTANCES, name="one")
    assert display.plot(kind="roc", name="other") is display
    assert display.ax_.get_ylabel() == "share of same pairs accepted (%)"
    assert display.legend_.get_texts()[0].get_text().startswith("other\n")
    display.plot(line_kw={"c": "red"})
    assert to_hex(display.line_.get_color()) == "#ff0000"


def test_a_name_that_is_given_is_shown_whole():
    names = [f"customers {region} of the north-west" for region in ("east", "west")]
    display = VerificationDisplay.from_predictions(SAME, DISTANCES, name=names[0])
    display = VerificationDisplay.from_predictions(
        SAME, DISTANCES, name=names[1], ax=display.ax_
    )
    shown = [text.get_text() for text in display.legend_.get_texts()]
    for name, text in zip(names, shown, strict=True):
        assert " ".join(text.split("\n")[:-1]) == name


def test_rates_have_three_digits():
    for eer, shown in [
        (0.38, "38.0"),
        (0.259, "25.9"),
        (0.0512, "5.12"),
        (0.5, "50.0"),
        (1.0, "100"),
    ]:
        display = VerificationDisplay(
            far=np.array([0, eer, 1]),
            frr=np.array([1, eer, 0]),
            thresholds=np.array([0.0, 1.0, 2.0]),
            eer=eer,
            n_same=1000,
            n_different=1000,
        ).plot(kind="roc")
        assert display.text_.get_text() == f"EER {shown} %"


def test_a_curve_of_chance_takes_its_share_beside_a_perfect_one():
    random = np.random.default_rng(0)
    same = random.random(2000) < 0.4
    chance = VerificationDisplay.from_predictions(same, random.random(2000))
    VerificationDisplay.from_predictions(same, 1.0 - same, ax=chance.ax_)
    ax = chance.ax_
    lowest, highest = ndtri(ax.get_xlim())
    x, y = ndtri(chance.line_.get_data())
    seen = x[(x < highest) & (y < highest)]
    assert np.ptp(seen) > 0.4 * (highest - lowest)


def test_many_curves_are_all_named_and_keep_their_room():
    display = VerificationDisplay.from_predictions(SAME, DISTANCES, name="first")
    figure, width = display.figure_, display.ax_.get_window_extent().width
    for i in range(10):
        display.plot(display.ax_, name=f"model of all the customers {i}")
    figure.draw_without_rendering()
    frame, box = display.ax_.get_window_extent(), display.legend_.get_window_extent()
    assert len(display.legend_.get_texts()) == 11
    assert not box.overlaps(frame)
    assert box.y0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert frame.height > 250
    # The figure grew with its last legend, and not with those of all before.
    assert 0.6 * width < frame.width < 1.1 * width


def test_mistakes_are_explained(iris):
    with pytest.raises(ValueError, match=re.escape("`kind` must be 'det' or 'roc'")):
        VerificationDisplay.from_predictions(SAME, DISTANCES).plot(kind="prc")
    message = "The 'kind' parameter of VerificationDisplay.from_predictions must be"
    with pytest.raises(ValueError, match=re.escape(message)):
        VerificationDisplay.from_predictions(SAME, DISTANCES, kind="prc")
    message = "`y_true` must hold pairs of both kinds; all 2 are different"
    with pytest.raises(ValueError, match=re.escape(message)):
        VerificationDisplay.from_predictions([0, 0], [1.0, 2.0])
    message = "`estimator` must be a fitted PairVerifier, or a fitted embedding"
    for estimator in (PCA(2).fit(iris[0]), PairVerifier):
        with pytest.raises(TypeError, match=re.escape(message)):
            VerificationDisplay.from_estimator(estimator, np.zeros((2, 2, 4)), [0, 1])
    message = "got a StandardScaler. Draw distances that are known already with"
    with pytest.raises(TypeError, match=re.escape(message)):
        VerificationDisplay.from_estimator(
            StandardScaler(), np.zeros((2, 2, 4)), [0, 1]
        )
    with pytest.raises(TypeError, match=re.escape("got a DataFrame.")):
        VerificationDisplay.from_estimator(pd.DataFrame(iris[0]), iris[0], iris[1])
