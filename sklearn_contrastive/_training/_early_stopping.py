"""Early stopping on pairs of held-out rows."""

import numpy as np

from sklearn_contrastive._training._models import beside

#: Held-out rows compared with one another, and pairs kept of each kind.
_MOST_ROWS = 1024
_MOST_PAIRS = 20_000


class HeldOutPairs:
    """A fixed set of positive and negative pairs among held-out rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The table that holds the rows.

    similarity : Similarity
        Speaks for the held-out rows of `X`.

    rng : numpy.random.RandomState
        Source of randomness.
    """

    def __init__(self, X, similarity, rng):
        index = similarity.batches(min(_MOST_ROWS, len(similarity.rows_)), rng)[0]
        keys = similarity.keys(index)
        positive, negative = similarity.compare(keys, keys)
        # A pair that is partly similar counts as what it is more of.
        kinds = [
            _some(weights, rng)
            for weights in (positive > negative, negative > positive)
        ]
        if 0 in (kinds[0].shape[1], kinds[1].shape[1]):
            raise ValueError(
                "Early stopping needs similar and dissimilar pairs among the held-out "
                f"rows; {len(index)} of them hold {kinds[0].shape[1]} similar and "
                f"{kinds[1].shape[1]} dissimilar pairs. Raise `validation_fraction`, "
                "or pass `X_val` and `y_val` with several rows of several classes."
            )
        self._left, self._right = np.concatenate(kinds, axis=1)
        self._positive = np.repeat([1, 0], [kind.shape[1] for kind in kinds])
        drawn = np.random.default_rng(rng.randint(2**31 - 1))
        self.rows = similarity.views(X[index], drawn)

    def score(self, points):
        """Return how well distances tell positive from negative pairs.

        Parameters
        ----------
        points : ndarray of shape (n_rows, n_components)
            The embedded `rows`.

        Returns
        -------
        score : float
            Share of (positive, negative) couples of pairs in which the positive pair is
            the nearer one, ties counting half: the area under the ROC curve.
        """
        from sklearn.metrics import roc_auc_score

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
    """Keep the best parameters, and say when they stop getting better.

    Parameters
    ----------
    pairs : HeldOutPairs
        What parameters are judged by.

    n_iter_no_change : int
        Epochs in a row without improvement after which to stop.

    tol : float
        Least gain in score that counts as an improvement.

    Attributes
    ----------
    scores : list of float
        Of each epoch.

    best : Learned
        What had the best score.

    best_score : float
        That score.
    """

    def __init__(self, pairs, n_iter_no_change, tol):
        self._pairs = pairs
        self._n_iter_no_change, self._tol = n_iter_no_change, tol
        self._reference, self._n_stale = -np.inf, 0
        self.scores, self.best_score = [], -np.inf
        self.best = None

    def update(self, trainer, at=...):
        """Judge an epoch.

        Parameters
        ----------
        trainer : Trainer
            Embeds the held-out rows, and hands out its parameters.

        at : int, default=...
            Which of several models is judged.

        Returns
        -------
        stop : bool
            Whether to stop.
        """
        score = self._pairs.score(trainer.embed(self._pairs.rows, at))
        self.scores.append(score)
        if score >= self.best_score:
            # On a tie the later parameters: they have seen more.
            self.best_score = score
            self.best = trainer.learned(at)
        if score > self._reference + self._tol:
            self._reference, self._n_stale = score, 0
        else:
            self._n_stale += 1
        return self._n_stale >= self._n_iter_no_change


class EachStopping:
    """A judge for each of several networks, which are trained until all have stopped.

    Parameters
    ----------
    judges : list of EarlyStopping
        One a network. It is asked no more once it has said to stop.

    Attributes
    ----------
    scores : list of float
        Mean score of the networks in each epoch; of one that has stopped, its last.
    """

    def __init__(self, judges):
        self._judges, self._going = judges, list(enumerate(judges))
        self.scores = []

    def update(self, trainer):
        """Judge an epoch, as `EarlyStopping.update` does."""
        self._going = [
            (at, judge) for at, judge in self._going if not judge.update(trainer, at)
        ]
        self.scores.append(float(np.mean([each.scores[-1] for each in self._judges])))
        return not self._going

    @property
    def best(self):
        """What had the best score of each network, along a first axis."""
        return beside([judge.best for judge in self._judges])

    @property
    def best_score(self):
        """Mean of the best scores of the networks."""
        return float(np.mean([judge.best_score for judge in self._judges]))
