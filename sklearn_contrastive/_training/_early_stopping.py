"""Early stopping on pairs of held-out rows, and lengths chosen by their neighbours."""

import numpy as np

from sklearn_contrastive._pairs._votes import References

#: Held-out rows compared with one another, and pairs kept of each kind.
_MOST_ROWS = 1024
_MOST_PAIRS = 20_000


class HeldOutPairs:
    """A fixed set of positive and negative pairs among held-out rows of a table."""

    def __init__(self, X, similarity, rng):
        index = similarity.batches(min(_MOST_ROWS, len(similarity.rows_)), rng)[0]
        keys = similarity.keys(index)
        positive, negative = similarity.compare(keys, keys)
        # A pair that is partly similar counts as what it is more of.
        kinds = _some(positive > negative, rng), _some(negative > positive, rng)
        n_positive, n_negative = (kind.shape[1] for kind in kinds)
        if not (n_positive and n_negative):
            raise ValueError(
                "Early stopping needs similar and dissimilar pairs among the held-out "
                f"rows; {len(index)} of them hold {n_positive} similar and "
                f"{n_negative} dissimilar pairs. Raise `validation_fraction`, "
                "or pass `X_val` and `y_val` with several rows of several classes."
            )
        self._left, self._right = np.concatenate(kinds, axis=1)
        self._positive = np.repeat([1, 0], [n_positive, n_negative])
        drawn = np.random.default_rng(rng.randint(2**31 - 1))
        self.rows = similarity.views(X[index], drawn)

    def score(self, points):
        """Return the area under the ROC curve of the distances of the pairs.

        It is the share of (positive, negative) couples of pairs in which the positive
        pair is nearer, ties counting half; NaN where a point is not finite.
        """
        from sklearn.metrics import roc_auc_score

        if not np.isfinite(points).all():
            return np.nan
        differences = points[self._left] - points[self._right]
        return float(roc_auc_score(self._positive, -(differences**2).sum(axis=1)))


def _some(weights, rng):
    """Return two rows of positions: at most so many pairs, drawn at random."""
    positions = np.array(np.nonzero(np.triu(weights, k=1)))
    n_pairs = positions.shape[1]
    if n_pairs > _MOST_PAIRS:
        positions = positions[:, rng.permutation(n_pairs)[:_MOST_PAIRS]]
    return positions


class EarlyStopping:
    """The best state of each model by its held-out pairs, and when to stop.

    ``pairs`` is a `HeldOutPairs` for each model. A model stops once it has not improved
    by `tol` in `n_iter_no_change` scores; training stops when all have. ``best`` is the
    state of each model with its best score. It is replaced and never written to.
    """

    def __init__(self, pairs, n_iter_no_change, tol):
        self.pairs, self._tol = pairs, tol
        self._n_iter_no_change = n_iter_no_change
        n_models = len(pairs)
        self._best_scores = np.full(n_models, -np.inf)
        self._references = np.full(n_models, -np.inf)
        self._n_stale = np.zeros(n_models, dtype=int)
        self._last_scores, self.best = np.zeros(n_models), None

    def update(self, trainer, state, n_steps=0):
        """Score the models that have not stopped, given the state of all.

        Return the mean score of the models, each with its last, that of their best
        scores, and whether all have stopped now.
        """
        running = np.flatnonzero(self._n_stale < self._n_iter_no_change)
        for model in running:
            pairs = self.pairs[model]
            points = trainer.embed(pairs.rows, slice(model, model + 1))
            self._last_scores[model] = pairs.score(points)
        scores = self._last_scores[running]
        # On a tie the later parameters: they have seen more.
        better = running[scores >= self._best_scores[running]]
        self._best_scores[better] = self._last_scores[better]
        self.best = (self.best or state).with_models(better, state)
        self._n_stale[running] += 1
        gained = running[scores > self._references[running] + self._tol]
        self._references[gained] = self._last_scores[gained]
        self._n_stale[gained] = 0
        stop = bool((self._n_stale >= self._n_iter_no_change).all())
        means = (float(np.mean(s)) for s in (self._last_scores, self._best_scores))
        return *means, stop

    def state(self):
        """Return what `restore` needs but the best state: scores and counts."""
        scores = self._best_scores, self._references, self._last_scores
        return [*scores, self._n_stale]

    def restore(self, state, best):
        """Go on where the same early stopping was, with the best state of then."""
        self._best_scores, self._references, self._last_scores, self._n_stale = state
        self.best = best


class BestCycle:
    """The state of all models at the end of the better of two cycles.

    ``held_out`` are the rows that each model does not see, and ``values`` what rows
    vote for. Scores are minus the leave-one-out loss among them; the models have one
    length, since a few rows tell little of the best one. The ``first`` models, a slice,
    stay at their end: nothing about them is chosen by rows that they do not see.
    """

    def __init__(self, X, values, held_out, ends, first):
        self._values, self._ends, self._first = values, ends, first
        self._rows = [X[rows] for rows in held_out]
        self._held_out, self.best, self._best_score = held_out, None, -np.inf

    def update(self, trainer, state, n_steps):
        """Score the models where a cycle ends, as `EarlyStopping.update` does."""
        if n_steps not in self._ends:
            self.best = self.best if self._best_score > -np.inf else state
            return None, None, False
        losses = 0
        for model, (X, rows) in enumerate(zip(self._rows, self._held_out, strict=True)):
            Z = trainer.embed(X, slice(model, model + 1))
            if not np.isfinite(Z).all():
                return np.nan, None, False
            losses = losses + References(Z, self._values[rows]).losses()
        score = -float(np.min(losses)) / len(self._rows)
        # On a tie the later parameters: they have seen more.
        if score >= self._best_score:
            self._best_score, self.best = score, state
        self.best = (self.best or state).with_models(self._first, state)
        return score, self._best_score, False

    def state(self):
        """Return what `restore` needs but the best state."""
        return [np.array(self._best_score)]

    def restore(self, state, best):
        """Go on where the same choice was, with the best state of then."""
        (score,), self.best = state, best
        self._best_score = float(score)
