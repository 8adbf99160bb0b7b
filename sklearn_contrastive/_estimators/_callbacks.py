"""``sklearn.callback`` where scikit-learn has it (1.9 and later), silence elsewhere.

The interface is still marked experimental there, so all that is used of it is
named here: the mixin, the decorator, and the calls of `NoTasks`.
"""

from contextlib import nullcontext
from functools import partial

__all__ = ["CallbackSupportMixin", "NoTasks", "Reports", "with_callbacks"]


class Reports:
    """What callbacks and the terminal are told of a fit, report by report.

    ``tasks`` is the callback context of the fit, ``given`` the data it is told of, and
    ``attributes`` returns those of a complete copy of the estimator at a `Report`.
    """

    def __init__(self, estimator, tasks, given, attributes):
        self._estimator, self._attributes = estimator, attributes
        self._tasks, self._given = tasks or NoTasks(), given
        self._begun = False
        self._tasks.call_on_fit_task_begin(estimator=estimator, **self._given)

    def begin(self):
        """Report the begin of some steps."""
        self._part = self._tasks.subcontext(task_name="report")
        self._begun = True
        self._part.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def end(self, report, stop):
        """Report the end of some steps, and return whether a callback wants to stop."""
        estimator, history = self._estimator, report.history
        if estimator.verbose:
            values = history.entries[history.n_entries - 1]
            steps = f"Iteration {history.n_iter}, step {history.n_steps}"
            print(f"{steps}, loss = {values['loss']:.8f}")
            if "score" in values:
                print(f"Validation score: {values['score']:.6f}")
        now = partial(self._attributes, report._replace(best=report.state))
        given = {**self._given, "reconstruction_attributes": now}
        asked = self._part.call_on_fit_task_end(estimator=estimator, **given)
        self._begun = False
        if estimator.verbose and stop:
            print(
                "Validation score did not improve more than "
                f"tol={estimator.tol:g} for {estimator.n_iter_no_change} "
                "consecutive reports. Stopping."
            )
        return asked

    def end_fit(self, attributes):
        """Report the end of the fit, and of steps that were interrupted."""
        given = {**self._given, "reconstruction_attributes": attributes}
        if self._begun:
            self._part.call_on_fit_task_end(estimator=self._estimator, **given)
        self._tasks.call_on_fit_task_end(estimator=self._estimator, **given)


class NoTasks:
    """Stands in for a ``CallbackContext`` where nobody is listening."""

    def subcontext(self, task_name=""):
        return self

    def propagate_callback_context(self, sub_estimator):
        return nullcontext()

    def call_on_fit_task_begin(self, *, estimator, X=None, y=None):
        return self

    def call_on_fit_task_end(
        self, *, estimator, X=None, y=None, reconstruction_attributes=None
    ):
        return False


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Has no ``set_callbacks``, so that no meta-estimator passes callbacks on."""

        def _init_callback_context(self, max_subtasks=0):
            return NoTasks()

    def with_callbacks(method):
        return method
