"""A picture of the errors of deciding on pairs by their distance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.displays import _axes, _rows, _style
from sklearn_contrastive.metrics import equal_error_rate, far_frr_curve
from sklearn_contrastive.metrics._inputs import check_kinds

#: Rates that a tick may stand at, in percent: the roundest first.
_TICKS = (
    *(0.001, 0.01, 0.1, 1, 10, 50, 90, 99),
    *(0.005, 0.05, 0.5, 5, 30, 70, 95),
    *(0.002, 0.02, 0.2, 2, 20, 40, 60, 80, 98),
)
#: The smallest and the greatest rate that are shown.
_ENDS = 1e-5, 0.995


@dataclass(eq=False, repr=False)
class VerificationDisplay:
    """Errors of taking near pairs for the same, for every threshold of distance.

    A pair is accepted as the same where its distance is at most the threshold. The
    *false accept rate* is the share of different pairs that are accepted, the *false
    reject rate* that of same pairs that are not. The equal error rate (EER), where both
    meet, is marked. A detection error trade-off (DET) curve [1]_ shows one rate against
    the other on axes of normal deviates, on which curves are nearly straight and small
    rates have room; an ROC curve shows the share of same pairs that are accepted.

    Parameters
    ----------
    far, frr, thresholds : array-like of shape (n_thresholds,)
        False accept rates, ascending, false reject rates, and distances, ascending.
    eer, n_same, n_different : float, int and int
        Equal error rate, and pairs of either kind.
    name : str, default=None
        What the legend calls the curve.
    kind : {"det", "roc"}, default="det"
        Which curve to draw.

    Attributes
    ----------
    ax_, figure_, legend_ : matplotlib Axes, Figure and Legend
        What was drawn on, and the names of all its curves, if they have any.
    line_ : matplotlib Line2D
        The curve, with a marker at the equal error rate. On a DET curve rates of 0 and
        1, which normal deviates cannot show, stand a quarter of a pair away from there.
    text_ : matplotlib Text or None
        The equal error rate, of a curve without a name.

    References
    ----------
    .. [1] A. Martin, G. Doddington, T. Kamm, M. Ordowski, M. Przybocki, "The DET Curve
       in Assessment of Detection Task Performance", Eurospeech 1997.

    Examples
    --------
    >>> from sklearn_contrastive.displays import VerificationDisplay
    >>> y, distances = [1, 1, 1, 1, 0, 0], [0.1, 0.2, 0.3, 0.6, 0.5, 0.9]
    >>> display = VerificationDisplay.from_predictions(y, distances)
    >>> display.eer
    0.25
    """

    far: Any
    frr: Any
    thresholds: Any
    eer: float
    n_same: int
    n_different: int
    name: str | None = None
    kind: str = "det"

    @classmethod
    def from_estimator(
        cls, estimator, pairs, y, *, kind="det", name=None, ax=None, line_kw=None
    ):
        """Measure pairs and draw the errors.

        Parameters
        ----------
        estimator : fitted PairVerifier
            Or an embedding with `pair_distance`.
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs of rows, best not trained on; for some verifiers of row numbers.
        y : array-like of shape (n_pairs,)
            Which are the same: labels of the verifier, for an embedding 1 and 0.
        kind : {"det", "roc"}, default="det"
            Which curve to draw.
        name : str, default=None
            What the legend calls the curve; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            Empty or with such curves, in constrained layout; None for a new figure.
        line_kw : dict, default=None
            Keywords of matplotlib's `plot` for the curve.

        Returns
        -------
        display : VerificationDisplay
            With the data, and what was drawn.
        """
        *data, name = _rows.measure_pairs(cls, estimator, pairs, y, name)
        kw = {"kind": kind, "name": name, "ax": ax, "line_kw": line_kw}
        return cls.from_predictions(*data, **kw)

    @classmethod
    @_rows.validated
    def from_predictions(
        cls, y_true, distances, *, kind="det", name=None, ax=None, line_kw=None
    ):
        """Draw the errors for distances that are known already.

        Parameters
        ----------
        y_true, distances : array-like of shape (n_pairs,)
            1 or True for the same, 0, -1 or False for others; and distances, >= 0.
        kind, name, ax, line_kw : object
            As in `from_estimator`; without a name there is no legend.

        Returns
        -------
        display : VerificationDisplay
            With the data, and what was drawn.
        """
        same, distances = check_kinds(y_true, distances)
        rates, eer = far_frr_curve(same, distances), equal_error_rate(same, distances)
        display = cls(*rates, eer, int(same.sum()), int((~same).sum()), name, kind)
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax=None, *, name=None, kind=None, line_kw=None):
        """Draw the curve.

        Parameters
        ----------
        ax, name, kind, line_kw : object
            As in `from_estimator`; without a name or kind those of the display.

        Returns
        -------
        display : VerificationDisplay
            The display itself.
        """
        kind, name = kind or self.kind, self.name if name is None else name
        if kind not in ("det", "roc"):
            raise ValueError(f"`kind` must be 'det' or 'roc'; got {shorten(kind)}.")
        curve, same = f"{kind.upper()} curve", _axes.counted(self.n_same, "same pair")
        different = _axes.counted(self.n_different, "different pair")
        with _axes.drawing_on(self, ax, joins=curve):
            others = [line for line in self.ax_.lines if line.get_gid() == curve]
            if not others:
                _prepare(self.ax_, kind)
            self._plot_curve(name, kind, curve, line_kw or {})
            if kind == "det":
                _scale(self.ax_, [line.get_xydata() for line in (*others, self.line_)])
            self.legend_ = _axes.name_curves(self.ax_, curve, f"{same}, {different}")
        return self

    def _plot_curve(self, name, kind, gid, line_kw):
        """Draw the curve, and its equal error rate where it has no name."""
        ax, det = self.ax_, kind == "det"
        x, y, crossing = self._curve(kind)
        # In three digits, zeros at the end included.
        rate = f"EER {f'{100 * self.eer:#.3g}'.rstrip('.')} %"
        look = _axes.style_of_next(ax, gid)._asdict() | {"gid": gid, "clip_on": det}
        look |= {"linewidth": 2, "markersize": 8, "markevery": [crossing]}
        look |= {"label": f"{_axes.wrapped(name)}\n{rate}" if name else "_curve"}
        [self.line_] = ax.plot(x, y, **_validate_style_kwargs(look, line_kw))
        self.text_ = None
        if not name:
            # On the side of the curve where the errors would be greater.
            look = {"xytext": (9, 6 if det else -6), "va": "bottom" if det else "top"}
            look |= {"textcoords": "offset points", **_style.over_data(ax)}
            self.text_ = ax.annotate(rate, (x[crossing], y[crossing]), **look)

    def _curve(self, kind):
        """Return the points of a curve, and which of them is the equal error rate."""
        far, frr = np.asarray(self.far), np.asarray(self.frr)
        crossing = int(np.argmax(far >= frr))
        far, frr = (np.insert(rates, crossing, self.eer) for rates in (far, frr))
        if kind == "roc":
            return far, 1 - frr, crossing
        rates = (far, self.n_different), (frr, self.n_same)
        return *(r.clip(0.25 / n, 1 - 0.25 / n) for r, n in rates), crossing


def _prepare(ax, kind):
    """Set up an axes without curves, with the line on which both errors are equal."""
    ax.set_xlabel("false accept rate (%)")
    how = {"color": _style.faint(ax, 0.45), "linewidth": 1, "linestyle": (0, (2, 3))}
    if kind == "roc":
        ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of same pairs accepted (%)")
        ax.plot([0, 1], [1, 0], label="_equal", **how)
    else:
        ax.set_ylabel("false reject rate (%)")
        for set_scale in (ax.set_xscale, ax.set_yscale):
            set_scale("function", functions=(ndtri, ndtr))
        ax.plot(_ENDS, _ENDS, label="_equal", **how)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(_percent)


def _percent(rate, _):
    """Return the label of a tick."""
    return f"{100 * rate:g}"


def _scale(ax, curves):
    """Let normal deviates reach from the smallest rate to beyond the crossings."""
    # Of each curve the point where the greater rate is least, next to its crossing.
    worst = ndtri(min(0.98, max(rates.max(axis=1).min() for rates in curves)))
    high = max(ndtri(0.5), worst + 0.4)
    # The smallest rate that goes with another in sight.
    seen = [rates[rates[:, ::-1] <= ndtr(high)] for rates in curves]
    low = ndtri(max(min(rates.min(initial=1.0) for rates in seen), _ENDS[0])) - 0.1
    # A curve far from the others takes a fair share of the picture.
    high = max(high, min(worst + 0.35 * (worst - low), ndtri(_ENDS[1])))
    ax.set(xlim=ndtr([low, high]), ylim=ndtr([low, high]))
    ticks = np.array([])
    for rate in _TICKS:
        room = np.abs(ndtri(ticks / 100) - ndtri(rate / 100))
        if low <= ndtri(rate / 100) <= high and (room > (high - low) / 9).all():
            ticks = np.sort([*ticks, rate])
    ax.set(xticks=ticks / 100, yticks=ticks / 100)
    ax.minorticks_off()
