"""``sklearn.callback`` where scikit-learn has it (1.9 and later), silence elsewhere.

The interface is still marked experimental there, so all that is used of it is
named here: the mixin, the decorator, and the calls of `NoTasks`.
"""

from contextlib import nullcontext

__all__ = ["CallbackSupportMixin", "NoTasks", "Reports", "with_callbacks"]


class Reports:
    """What callbacks and the terminal are told of a fit, epoch by epoch.

    ``tasks`` is the callback context of the fit, ``given`` the data it is told of, and
    ``attributes`` returns those of a complete copy of the estimator as it is by now.
    """

    def __init__(
        self, estimator, history, stopping=None, tasks=None, given=None, attributes=None
    ):
        self._estimator, self._history, self._stopping = estimator, history, stopping
        self._tasks, self._given = tasks or NoTasks(), given or {}
        self._attributes, self._begun = attributes, False
        self._tasks.call_on_fit_task_begin(estimator=estimator, **self._given)

    def begin(self):
        """Report the begin of an epoch."""
        self._epoch = self._tasks.subcontext(task_name="epoch")
        self._begun = True
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def end(self, stop):
        """Report the end of an epoch, and return whether a callback wants to stop."""
        estimator, history = self._estimator, self._history
        if estimator.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss_curve[-1]:.8f}")
        if estimator.verbose and self._stopping is not None:
            print(f"Validation score: {self._stopping.scores[-1]:.6f}")
        given = {**self._given, "reconstruction_attributes": self._attributes}
        asked = self._epoch.call_on_fit_task_end(estimator=estimator, **given)
        self._begun = False
        if estimator.verbose and stop:
            print(
                "Validation score did not improve more than "
                f"tol={estimator.tol:g} for {estimator.n_iter_no_change} "
                "consecutive epochs. Stopping."
            )
        return asked

    def end_fit(self, attributes):
        """Report the end of the fit, and of an epoch that was interrupted."""
        given = {**self._given, "reconstruction_attributes": attributes}
        if self._begun:
            self._epoch.call_on_fit_task_end(estimator=self._estimator, **given)
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
