"""Pictures of several panels that share what they are drawn over."""

from contextlib import contextmanager

import numpy as np

from sklearn_contrastive.displays._axes import axes_for, drawing_on

#: Inches, for one, two and three panels.
_HEIGHTS = (4.8, 5.6, 6.6)


@contextmanager
def panels_for(display, ax, n_panels, first):
    """Give one axes for each panel, or those that were given.

    Parameters
    ----------
    display : object
        What draws; a new figure that is left by an error is closed again.

    ax : matplotlib Axes or array of them, or None
        One for each panel, or one for the first alone; None for a new figure.

    n_panels : int
        How many there are, at most 3.

    first : str
        What the first of them shows, for the message.

    Yields
    ------
    axes : ndarray of matplotlib Axes
        From the top.

    Raises
    ------
    ValueError
        If there are not as many axes as panels, or one holds a picture already.
    """
    if ax is None:
        with drawing_on(display, None) as whole:
            figure = whole.get_figure()
            figure.clear()
            figure.set_figheight(_HEIGHTS[n_panels - 1])
            yield figure.subplots(n_panels, sharex=True, squeeze=False)[:, 0]
        return
    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    for each in given:
        axes_for(display, each, joins=None)
    if len(given) not in (1, n_panels):
        raise ValueError(
            f"`ax` must hold one axes for each of the {n_panels} panels, or a single "
            f"one for the {first}; got {len(given)}."
        )
    yield given
