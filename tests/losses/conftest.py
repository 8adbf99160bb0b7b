"""The published formulas of losses, in literal loops.

That of a loss is the function of its name: of a distance and of whether the pair is
similar (1 or 0) for a sum over pairs; of anchors, candidates, lists of the positives
and negatives of each anchor, and the parameters that are learned, for any other loss.
"""

import math
from itertools import product

import pytest
import torch

from sklearn_contrastive.losses import LOSSES, HybridLoss, PairLoss


def listed(weights):
    """Return of each anchor the candidates that count, with their weights."""
    return [[(j, w) for j, w in enumerate(row) if w > 0] for row in weights.tolist()]


def mean(costs):
    """Return the weighted mean of costs, 0 over none."""
    return sum(w * cost for cost, w in costs) / sum(w for _, w in costs) if costs else 0


def temperature(loss, params):
    return params["log_temperature"].exp() if params else loss.temperature


def contrastive(loss, d, y):
    return y * d**2 + (1 - y) * max(0, loss.margin - d) ** 2


def contrastive_squared(loss, d, y):
    return y * d**2 + (1 - y) * max(0, loss.margin - d**2)


def contrastive_linear(loss, d, y):
    return y * d**2 / 2 + (1 - y) * max(0, loss.margin - d)


def siamese(loss, d, y):
    q = loss.bound
    return y * 2 / q * d**2 + (1 - y) * 2 * q * math.e ** (-2.77 / q * d)


def info_nce(loss, A, C, positive, negative, params):
    tau = temperature(loss, params)
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        for p, w in positives:
            own = (a @ C[p] / tau).exp()
            others = sum(v * (a @ C[n] / tau).exp() for n, v in negatives)
            costs.append((-(own / (own + others)).log(), w))
    return mean(costs)


def n_pair(loss, A, C, positive, negative, params):
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        for p, w in positives:
            others = sum(v * (a @ C[n] - a @ C[p]).exp() for n, v in negatives)
            costs.append(((1 + others).log() if negatives else 0, w))
    return mean(costs)


def supcon(loss, A, C, positive, negative, params):
    tau = temperature(loss, params)
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        if positives and negatives:
            both = positives + negatives
            whole = sum(v * (a @ C[k] / tau).exp() for k, v in both)
            own = [(-((a @ C[p] / tau).exp() / whole).log(), w) for p, w in positives]
            costs.append((mean(own), 1))
    return mean(costs)


def nca(loss, A, C, positive, negative, params):
    tau = temperature(loss, params)
    power = 1 if loss.form == "modern" else 2

    def total(a, ends):
        return sum(w * (-((a - C[j]).norm() ** power) / tau).exp() for j, w in ends)

    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        if positives:
            probability = total(a, positives) / total(a, positives + negatives)
            cost = 1 - probability if loss.form == "goldberger" else -probability.log()
            costs.append((cost, 1))
    return mean(costs)


def multi_similarity(loss, A, C, positive, negative, params):
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        pull = push = torch.ones((), dtype=A.dtype)
        for p, w in positives:
            pull = pull + w * (-loss.alpha * (a @ C[p] - loss.base)).exp()
        for n, w in negatives:
            push = push + w * (loss.beta * (a @ C[n] - loss.base)).exp()
        if positives or negatives:
            costs.append((pull.log() / loss.alpha + push.log() / loss.beta, 1))
    return mean(costs)


def proxy_anchor(loss, P, X, positive, negative, params):
    total = 0
    for lists, sign in ((positive, -1), (negative, 1)):
        costs = []
        for proxy, rows in zip(P, lists, strict=True):
            logits = [(sign * (X[x] @ proxy) + loss.delta, w) for x, w in rows]
            inner = sum(w * (loss.alpha * logit).exp() for logit, w in logits)
            costs += [((1 + inner).log(), 1)] if rows else []
        total = total + mean(costs)
    return total


def rank_n_contrast(loss, A, C, positive, negative, params):
    tau = temperature(loss, params)
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        grades = {}
        for sign, ends in ((1, positives), (-1, negatives)):
            for j, w in ends:
                grades[j] = grades.get(j, 0) + sign * w
        powers = {j: (-(a - C[j]).norm() / tau).exp() for j in grades}
        if len(set(grades.values())) > 1:
            for j, grade in grades.items():
                below = sum(powers[k] for k in grades if grades[k] <= grade)
                costs.append((-(powers[j] / below).log(), 1))
    return mean(costs)


def margin(loss, A, C, positive, negative, params):
    boundary = params.get("boundary", loss.boundary)
    costs = []
    for lists, sign in ((positive, 1), (negative, -1)):
        for a, ends in zip(A, lists, strict=True):
            for j, w in ends:
                cost = loss.margin + sign * ((a - C[j]).norm() - boundary)
                costs += [(cost, w)] if cost > 0 else []
    return mean(costs)


def triplet(loss, A, C, positive, negative, params):
    soft = loss.margin == "soft"
    power = 2 if loss.squared else 1
    costs = []
    for a, positives, negatives in zip(A, positive, negative, strict=True):
        near = [((a - C[p]).norm() ** power, w) for p, w in positives]
        far = [((a - C[n]).norm() ** power, w) for n, w in negatives]
        if loss.negatives == "hard":
            near = [(max(d for d, _ in near), 1)] if near else []
            far = [(min(d for d, _ in far), 1)] if far else []
        for (d_p, w), (d_n, v) in product(near, far):
            if loss.negatives in ("auto", "semihard") and not d_p < d_n:
                continue
            cost = (1 + (d_p - d_n).exp()).log() if soft else d_p - d_n + loss.margin
            costs += [(cost, w * v)] if cost > 0 else []
    return mean(costs)


def lifted(loss, A, C, positive, negative, params):
    repelling = [[] for _ in C]
    for i, ends in enumerate(negative):
        for j, w in ends:
            repelling[j].append((i, w))
    costs = []
    for i, ends in enumerate(positive):
        for j, w in ends:
            far = [((A[i] - C[k]).norm(), v) for k, v in negative[i]]
            far += [((A[k] - C[j]).norm(), v) for k, v in repelling[j]]
            if far:
                behind = sum(v * (loss.margin - d).exp() for d, v in far).log()
                J = (A[i] - C[j]).norm() + behind
                costs.append((J.clamp(min=0) ** 2 / 2, w))
            else:
                costs.append((0, w))
    return mean(costs)


def formula_of(loss):
    """Return the formula of a loss, or of a class."""
    cls = loss if isinstance(loss, type) else type(loss)
    (name,) = (name for name, each in LOSSES.items() if each is cls)
    if name not in globals():
        pytest.fail(f"Write the formula of {cls.__name__} as `{name}` in {__file__}.")
    return globals()[name]


def value_of(loss, A, C, positive, negative, params):
    """Return the value of a loss by its formula, of lists of pairs."""
    if isinstance(loss, HybridLoss):
        batch = A, C, positive, negative, params
        return sum(w * value_of(one, *batch) for _, one, w in loss.members())
    formula = formula_of(loss)
    if not isinstance(loss, PairLoss):
        return formula(loss, A, C, positive, negative, params)
    total = 0
    for similar, lists in ((1, positive), (0, negative)):
        rows = zip(A, lists, strict=True)
        pairs = [((a - C[j]).norm(), w) for a, ends in rows for j, w in ends]
        costs = [(formula(loss, d, similar), w) for d, w in pairs]
        # A mean over those dissimilar pairs that still cost something.
        total = total + mean([(c, w) for c, w in costs if similar or c > 0])
    return total


def differentiated(loss, A, C, pairs, params=None):
    """Return value and gradients, by automatic differentiation of the formula."""
    A, C = (Z.double().clone().requires_grad_() for Z in (A, C))
    params = {k: v.detach().clone().requires_grad_() for k, v in (params or {}).items()}
    positive, negative = map(listed, pairs)
    value = value_of(loss, A, C, positive, negative, params)
    # A number where there is nothing to average.
    value = value + 0 * (A.sum() + C.sum())
    ends = [A, C, *params.values()]
    found = torch.autograd.grad(value, ends, allow_unused=True, materialize_grads=True)
    return value.item(), *found


@pytest.fixture(scope="session")
def by_loop():
    """Return value and gradients of a loss, given points and weights of pairs."""
    return differentiated


@pytest.fixture(scope="session")
def formula():
    """Return the formula of a class of losses."""
    return formula_of
