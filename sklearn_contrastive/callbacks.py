"""Callbacks for ``set_callbacks``, which estimators have with scikit-learn 1.9."""

from importlib.util import find_spec

__all__ = ["ProgressLine"]


class ProgressLine:
    """A progress bar with the time left, on one line of text.

    It is written to ``sys.stderr`` and needs neither a terminal nor widgets, so that a
    notebook shows it too. It counts the tasks of the estimator that it is set on: the
    reports of a `ContrastiveEmbedding` (one after every 200 mini-batches of an epoch,
    and one at its end), the epochs of a `ContrastiveAlignment`, the candidates of a
    search. For an embedding in a pipeline, set it on the embedding.

    Raises
    ------
    ImportError
        If tqdm is not installed: ``pip install 'sklearn_contrastive[progress]'``.

    Examples
    --------
    >>> import pickle
    >>> from sklearn_contrastive.callbacks import ProgressLine
    >>> line = pickle.loads(pickle.dumps(ProgressLine()))

    ``embedding.set_callbacks(line).fit(X, y)`` then shows the progress of the fit.
    """

    def __init__(self):
        if find_spec("tqdm") is None:
            install = "pip install 'sklearn_contrastive[progress]'"
            raise ImportError(f"ProgressLine requires tqdm: {install}")
        self._lines = {}

    def __getstate__(self):
        # A line in use belongs to its process: copies start without.
        return {"_lines": {}}

    def setup(self, estimator, context):
        """Show the line at zero."""
        from tqdm import tqdm

        self._lines[context] = tqdm(
            desc=context.estimator_name,
            total=context.max_subtasks,
            miniters=1,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]",
        )

    def on_fit_task_begin(self, estimator, context):
        """Do nothing: what counts is the end of a task."""

    def on_fit_task_end(self, estimator, context):
        """Count a task of the fit, but not the fit itself or parts of a task."""
        if context.parent in self._lines:
            self._lines[context.parent].update()

    def teardown(self, estimator, context):
        """Leave the line as it is, at the end of a fit or after an error."""
        # There is none where `setup` has failed.
        if context in self._lines:
            self._lines.pop(context).close()
