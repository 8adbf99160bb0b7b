"""What holds for every display: nothing is cut off or hidden, by any background."""

import inspect
import re
import sys
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text
from numpydoc.docscrape import ClassDoc

import sklearn_contrastive.displays
from sklearn_contrastive.displays import (
    EmbeddingDisplay,
    LossCurveDisplay,
    MarginCurveDisplay,
    PairDistanceDisplay,
    RetrievalCurveDisplay,
    SpringDisplay,
    VerificationDisplay,
)
from sklearn_contrastive.displays._axes import counted, short, wrapped
from sklearn_contrastive.displays._style import _ON_DARK, _ON_LIGHT, is_dark

rng = np.random.default_rng(0)
PLANE = rng.normal(size=(60, 2))
WIDE = rng.normal(size=(60, 9))
LONG = np.array([f"a rather long name of the class {i}" for i in range(20)])
SAME = rng.random(200) < 0.4
DISTANCES = np.where(SAME, 0.6, 1.0) * rng.gamma(9, 0.1, 200)
NAME = "ContrastiveEmbedding with a long name"


def mining(n_epochs):
    return {
        f"{what}_{kind}": rng.random(n_epochs)
        for what in ("kept", "active")
        for kind in ("positive", "negative")
    }


def shared_retrieval():
    first = RetrievalCurveDisplay.from_embedding(PLANE, np.arange(60) % 4, name=NAME)
    return RetrievalCurveDisplay.from_embedding(
        WIDE, np.arange(60) % 4, name="another", ax=first.ax_
    )


def shared_verification(kind):
    first = VerificationDisplay.from_predictions(SAME, DISTANCES, kind=kind, name=NAME)
    return VerificationDisplay.from_predictions(
        SAME, DISTANCES**2, kind=kind, name="another", ax=first.ax_
    )


CASES = {
    "plain": lambda: EmbeddingDisplay.from_embedding(PLANE),
    "labels": lambda: EmbeddingDisplay.from_embedding(WIDE, np.arange(60) % 3),
    "two points": lambda: EmbeddingDisplay.from_embedding(np.eye(2), ["a", "b"]),
    "far row": lambda: EmbeddingDisplay.from_embedding(
        np.vstack([PLANE, [[1000, 3]]]), np.arange(61) % 3
    ),
    "long names": lambda: EmbeddingDisplay.from_embedding(
        WIDE, LONG[np.arange(60) % 20], name=NAME
    ),
    "many classes": lambda: EmbeddingDisplay.from_embedding(PLANE, np.arange(60) // 2),
    "targets": lambda: EmbeddingDisplay.from_embedding(PLANE, PLANE[:, 0] * 1e6),
    "density": lambda: EmbeddingDisplay.from_embedding(PLANE, max_points=10),
    "classes as density": lambda: EmbeddingDisplay.from_embedding(
        WIDE, LONG[np.arange(60) % 5], max_points=10
    ),
    "line": lambda: EmbeddingDisplay.from_embedding(
        PLANE[:, :1], LONG[np.arange(60) % 20]
    ),
    "three dimensions": lambda: EmbeddingDisplay.from_embedding(
        WIDE, LONG[np.arange(60) % 4], n_dimensions=3, name=NAME
    ),
    "loss": lambda: LossCurveDisplay(loss_curve=[3.0, 2.0, 1.5], name=NAME).plot(),
    "all of training": lambda: LossCurveDisplay(
        loss_curve=np.geomspace(1e4, 1, 30),
        validation_scores=np.linspace(0.5, 0.99999, 30),
        mining_curve=mining(30),
        name=NAME,
    ).plot(),
    "margins": lambda: MarginCurveDisplay(
        margins=np.linspace(0.2, 2, 10),
        mean_scores=np.linspace(0.91, 0.93, 10),
        standard_errors=np.full(10, 0.004),
        mining={
            **mining(10),
            "mean_positive": rng.random(10),
            "mean_negative": rng.random(10),
        },
        best_margin=1.2,
        name=NAME,
    ).plot(),
    "scores of margins": lambda: MarginCurveDisplay(
        margins=[0.5], mean_scores=[0.9]
    ).plot(),
    "pairs": lambda: PairDistanceDisplay.from_predictions(
        SAME, DISTANCES, margin=1.0, threshold=0.98, name=NAME
    ),
    "two pairs": lambda: PairDistanceDisplay.from_predictions(
        [1, 0], [0.0, 0.0], margin=1.0, threshold=0.0
    ),
    "marks at the ends": lambda: PairDistanceDisplay.from_predictions(
        SAME, DISTANCES, margin=1e3, threshold=1e-3
    ),
    "retrieval": lambda: RetrievalCurveDisplay.from_embedding(np.eye(3), [0, 0, 1]),
    "shared retrieval": shared_retrieval,
    "det": lambda: VerificationDisplay.from_predictions(SAME, DISTANCES),
    "roc": lambda: VerificationDisplay.from_predictions(SAME, DISTANCES, kind="roc"),
    "det told apart": lambda: VerificationDisplay.from_predictions([1, 0], [0.1, 0.5]),
    "shared det": lambda: shared_verification("det"),
    "shared roc": lambda: shared_verification("roc"),
    "springs": lambda: SpringDisplay.from_embedding(
        PLANE, np.arange(60) % 4, name=NAME
    ),
    "projected springs": lambda: SpringDisplay.from_embedding(
        WIDE, LONG[np.arange(60) % 11], max_points=40, margin=3.0, name=NAME
    ),
    "two springs": lambda: SpringDisplay.from_embedding([[0.0, 0], [0.1, 0]], [0, 1]),
}


def words(figure):
    """Return every text of a drawn figure that can be seen, with its box."""
    renderer = figure.canvas.get_renderer()
    boxes = {
        text: text.get_window_extent(renderer)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
    }
    # Ticks out of sight; asking for them moves those of three dimensions.
    for ax in figure.axes:
        for axis in ax._axis_map.values():
            ticks = {*axis.get_major_ticks(), *axis.get_minor_ticks()}
            for tick in ticks - set(axis._update_ticks()):
                boxes.pop(tick.label1, None)
                boxes.pop(tick.label2, None)
    return boxes


def inside(box, frame, room=1.0):
    return (
        frame.x0 - room <= box.x0
        and box.x1 <= frame.x1 + room
        and frame.y0 - room <= box.y0
        and box.y1 <= frame.y1 + room
    )


def assert_clear(figure):
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = words(figure)
    for text, box in boxes.items():
        assert inside(box, figure.bbox), f"{text.get_text()!r} is cut off"
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None:
            box = legend.get_window_extent(renderer)
            assert inside(box, figure.bbox), "the legend is cut off"
            for other in figure.axes:
                frame = other.get_window_extent(renderer)
                assert not box.overlaps(frame), "the legend hides data"
    for (one, box), (other, beside) in combinations(boxes.items(), 2):
        if figure.axes[0].name != "3d":
            overlap = box.padded(-1).overlaps(beside.padded(-1))
            assert not overlap, f"{one.get_text()!r} on {other.get_text()!r}"


PAPER = {"figure.figsize": (6.4, 4.8)}
SLIDE = {"figure.figsize": (9, 6.5), "font.size": 14}
#: What every run also draws at the size of a slide. `long` draws all.
ALWAYS = "long names", "targets", "all of training", "pairs", "shared det", "springs"


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        *((case, PAPER) for case in CASES),
        *((case, SLIDE) for case in ALWAYS),
        *(
            pytest.param(case, SLIDE, marks=pytest.mark.long)
            for case in CASES
            if case not in ALWAYS
        ),
    ],
)
def test_nothing_is_cut_off_or_hidden(case, settings):
    with plt.rc_context(settings):
        assert_clear(CASES[case]().figure_)


def luminance(color):
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(color)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    """Return the contrast of two colours as the web's guidelines define it."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    "case",
    [
        *("many classes", "density", "all of training", "margins", "pairs"),
        *("shared det", "springs"),
    ],
)
def test_words_and_marks_stand_out_from_any_background(case):
    for style in ("default", "dark_background", "ggplot"):
        with plt.style.context(style):
            display = CASES[case]()
            figure = display.figure_
            assert is_dark(display.ax_) == (style == "dark_background")
            for text in words(figure):
                behind = figure.get_facecolor()
                assert contrast(text.get_color(), behind) > 4.5, text.get_text()
            for ax in figure.axes:
                for line in ax.lines:
                    shade = contrast(line.get_color(), ax.get_facecolor())
                    assert shade > 1.5, to_hex(line.get_color())


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_a_histogram_shows_on_the_other_in_grey(style):
    with plt.style.context(style):
        display = CASES["pairs"]()
        dissimilar, similar = display.histograms_
        *color, opacity = dissimilar.get_facecolor()
        behind = to_rgb(display.ax_.get_facecolor())
        area = opacity * np.array(color) + (1 - opacity) * np.array(behind)
        assert contrast(similar.get_edgecolor(), area) > 2


# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color
# Vision Deficiency", IEEE TVCG 2009: severity 1.
VISIONS = {
    "all cones": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(color, vision):
    """Return CIE L*a*b* of a colour as somebody sees it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(vision) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("palette", [_ON_LIGHT, _ON_DARK], ids=["light", "dark"])
def test_colours_are_told_apart_by_every_eye(palette):
    for vision in VISIONS.values():
        seen = [lab(color, vision) for color in palette]
        for (i, one), (j, other) in combinations(enumerate(seen), 2):
            # A difference of 2.3 is just noticeable side by side.
            least = 25 if max(i, j) < 4 else 11
            assert np.linalg.norm(one - other) > least, (palette[i], palette[j])


@pytest.mark.parametrize("palette", [_ON_LIGHT, _ON_DARK], ids=["light", "dark"])
def test_colours_differ_in_grey(palette):
    lightness = [lab(color, np.eye(3))[0] for color in palette]
    assert np.diff(np.sort(lightness[:4])).min() > 7
    assert np.diff(np.sort(lightness)).min() > 2.5


@pytest.mark.parametrize(
    "case",
    ["labels", "all of training", "margins", "pairs", "retrieval", "det", "springs"],
)
def test_every_parameter_and_attribute_is_documented(case):
    display = CASES[case]()
    docs = ClassDoc(type(display))

    def named(section):
        return [name for part in docs[section] for name in part.name.split(", ")]

    assert named("Parameters") == list(inspect.signature(type(display)).parameters)
    drawn = {name for name in vars(display) if name.endswith("_")}
    assert drawn == set(named("Attributes"))


INSTALL = re.escape("pip install 'sklearn_contrastive[plot]'")


def test_without_matplotlib_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in sklearn_contrastive.displays.__all__:
        display = getattr(sklearn_contrastive.displays, name)
        of_a_model = name in ("LossCurveDisplay", "MarginCurveDisplay")
        message = rf"{name}\.from_estimator requires matplotlib: {INSTALL}"
        with pytest.raises(ImportError, match=message):
            display.from_estimator(*[None, None, None][: 1 if of_a_model else 3])
    for draw in (
        LossCurveDisplay(loss_curve=[1.0]).plot,
        lambda: EmbeddingDisplay.from_embedding(PLANE),
    ):
        with pytest.raises(
            ImportError, match=rf"Display\.plot requires matplotlib: {INSTALL}"
        ):
            draw()


def test_numbers_and_names_are_written_out():
    assert counted(1, "class") == "1 class"
    assert counted(1797, "row") == "1,797 rows"
    assert counted(20, "class") == "20 classes"
    assert short("setosa") == wrapped("setosa") == "setosa"
    assert short(3.0) == "3"
    long = "a rather long name of the class 17"
    assert short(long) == "a rather long … class 17"
    assert wrapped(long) == "a rather long name of\nthe class 17"
    assert len(short("x" * 100)) == 24
