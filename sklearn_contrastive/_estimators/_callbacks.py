"""``sklearn.callback`` where scikit-learn has it (1.9 and later), silence elsewhere.

The interface is still marked experimental there, so all that is used of it is
named here: the mixin, the decorator, and the calls of `NoTasks`.
"""

from contextlib import nullcontext

__all__ = ["CallbackSupportMixin", "NoTasks", "with_callbacks"]


class NoTasks:
    """Stands in for a ``CallbackContext`` where nobody is listening."""

    def subcontext(self, task_name=""):
        return self

    def propagate_callback_context(self, sub_estimator):
        return nullcontext()

    def call_on_fit_task_begin(self, *, estimator, X=None, y=None):
        return self

    def call_on_fit_task_end(
        self,
        *,
        estimator,
        X=None,
        y=None,
        metadata=None,
        reconstruction_attributes=None,
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
