"""Springs as lines and forces as arrows."""

import numpy as np

from sklearn_contrastive.displays._palette import faint, ink

#: Springs of each kind that are drawn.
_MOST = 400
#: Plain lines pull, dashed ones push.
_STYLES = {True: "-", False: (0, (3, 2))}


def draw_springs(ax, points, springs, attracts):
    """Draw the strongest springs of a kind.

    Parameters
    ----------
    ax : matplotlib Axes
        What to draw on.

    points : ndarray of shape (n_points, 2)
        Their ends.

    springs : SpringForces
        All of them.

    attracts : bool
        Whether those that pull are drawn, or those that push.

    Returns
    -------
    lines : matplotlib LineCollection
        At most 400 lines.
    """
    from matplotlib.collections import LineCollection

    chosen = np.flatnonzero(springs.attracts == attracts)
    strongest = np.argsort(-springs.strengths[chosen], kind="stable")[:_MOST]
    # Fainter and thinner where there are many.
    few = np.clip(40 / max(1, len(strongest)), 0, 1)
    lines = LineCollection(
        points[springs.ends[chosen[strongest]]],
        color=faint(ax, 0.35 + 0.3 * few),
        linestyle=_STYLES[attracts],
        linewidth=0.4 + 0.8 * few,
        zorder=1,
    )
    ax.add_collection(lines)
    return lines


def draw_forces(ax, points, arrows):
    """Draw an arrow at each point.

    Parameters
    ----------
    ax : matplotlib Axes
        What to draw on.

    points : ndarray of shape (n_points, 2)
        Where arrows start.

    arrows : ndarray of shape (n_points, 2)
        Forces.

    Returns
    -------
    quiver : matplotlib Quiver
        Arrows as long as forces are strong, the longest a certain part of the
        picture: a smaller one with more points, which stand closer.
    """
    part = np.clip(0.5 / np.sqrt(len(points)), 0.055, 0.15)
    extent = np.ptp(points, axis=0).max() or 1.0
    strongest = np.linalg.norm(arrows, axis=1).max() or 1.0
    scale = strongest / (part * extent)
    # To matplotlib arrows are no data; their ends belong to the picture.
    ax.update_datalim(points + arrows / scale)
    ax.autoscale_view()
    return ax.quiver(
        *points.T,
        *arrows.T,
        angles="xy",
        scale_units="xy",
        scale=scale,
        minlength=0,
        width=0.0045 if len(points) <= 40 else 0.003,
        color=ink(ax),
        zorder=4,
    )


def spring_handles(ax, springs, arrows):
    """Return what stands for springs and forces in a legend.

    Parameters
    ----------
    ax : matplotlib Axes
        Where they are drawn.

    springs : SpringForces
        All springs.

    arrows : ndarray of shape (n_points, 2)
        Forces.

    Returns
    -------
    handles : list of matplotlib Line2D
        Of springs that attract and that repel, and of forces.
    """
    from matplotlib.lines import Line2D

    handles = []
    for what, attracts in (("attracts", True), ("repels", False)):
        n_springs = int((springs.attracts == attracts).sum())
        label = f"{what} ({n_springs:,})"
        if n_springs > _MOST:
            label = f"{what} ({n_springs:,},\n{_MOST} strongest drawn)"
        look = {"color": faint(ax, 0.65), "linestyle": _STYLES[attracts]}
        handles.append(Line2D([], [], label=label, linewidth=1.2, **look))
    strongest = np.linalg.norm(arrows, axis=1).max()
    label = f"force\n(longest {strongest:.2g})"
    arrow = {"marker": ">", "markevery": [-1], "markersize": 5}
    return [*handles, Line2D([], [], label=label, color=ink(ax), **arrow)]
