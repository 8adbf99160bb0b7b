"""Where things stand in a figure: scales, colour bars, the figure itself."""

from sklearn_contrastive.displays._palette import faint


def root_figure(ax):
    """Return the figure that is drawn as a whole.

    Parameters
    ----------
    ax : matplotlib Axes
        In a figure, or in a part of one.

    Returns
    -------
    figure : matplotlib Figure
        No SubFigure.
    """
    figure = ax.get_figure()
    while figure.figure is not figure:
        figure = figure.figure
    return figure


def equal_scales(ax):
    """Let a unit be as long in one direction as in the others.

    Parameters
    ----------
    ax : matplotlib Axes
        In two or three dimensions.
    """
    if ax.name == "3d":
        from matplotlib.ticker import MaxNLocator

        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_pane_color(faint(ax, 0.06))
        ax.tick_params(labelsize="small", pad=0)
        ax.set_aspect("equal")
        # Smaller, or its labels would leave the figure.
        ax.set_box_aspect(None, zoom=0.85)
        return
    shared = (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    # Limits that are shared both ways cannot be moved.
    fixed = all(len(each.get_siblings(ax)) > 1 for each in shared)
    ax.set_aspect("equal", adjustable="box" if fixed else "datalim")
    ax.locator_params(nbins=5)


def settle(ax):
    """Lay out the figure of an axes with equal scales once, ahead of drawing.

    Its limits follow its size, its tick labels follow the limits, and the room that is
    left for them was that of the labels before.

    Parameters
    ----------
    ax : matplotlib Axes
        With all that belongs to it.
    """
    root_figure(ax).draw_without_rendering()


def colorbar_beside(ax, shown, label):
    """Put a colour bar to the right of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    shown : matplotlib ScalarMappable
        Whose colours are explained.

    label : str
        What they mean.

    Returns
    -------
    colorbar : matplotlib Colorbar
        The colour bar.
    """
    from matplotlib.colors import LogNorm

    plain = "{x:,.0f}" if isinstance(shown.norm, LogNorm) else None
    colorbar = ax.get_figure().colorbar(
        shown, ax=ax, label=label, fraction=0.05, format=plain
    )
    colorbar.outline.set_visible(False)
    return colorbar
