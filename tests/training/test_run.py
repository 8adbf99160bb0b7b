"""Batches, learning rates, AdamW, and what a run leaves alone."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_info

from sklearn_contrastive._training._early_stopping import EarlyStopping, HeldOutPairs
from sklearn_contrastive._training._models import TrainedState
from sklearn_contrastive._training._run import (
    AdamW,
    Epochs,
    History,
    isolated_rng_and_threads,
    random_streams,
    resolve_device,
    run,
)
from sklearn_contrastive.similarity import LabelSimilarity

# The optimizer.


def leaves(n_models=1):
    """Return the parameters of networks with one hidden layer."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3,), (3, 2), (2,)]
    return [
        torch.randn(
            (n_models, *s), generator=generator, dtype=torch.float64
        ).requires_grad_()
        for s in shapes
    ]


def cost(params, X):
    W, b, V, c = params
    return (torch.tanh(X @ W + b[:, None]) @ V + c[:, None]).square().sum()


def take_steps(params, optimizer, X, rates):
    for rate in rates:
        for param in params:
            param.grad.zero_()
        cost(params, X).backward()
        optimizer.step(rate)


@pytest.mark.filterwarnings("ignore:grad and param do not obey:UserWarning")
def test_adamw_is_torchs_with_decay_on_matrices_only():
    # Models at one rate are moved in one call, those at several one by one.
    decays = [0.1, 0.0, 0.5]
    X = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).double()
    for factors in ([1, 1, 1], [1, 0.1, 2]):
        ours = leaves(3)
        rates = [
            [0.01 * (step + 1) * factor for factor in factors] for step in range(20)
        ]
        take_steps(ours, AdamW(ours, decays), X, rates)
        for model, decay in enumerate(decays):
            params = [p[model : model + 1].detach() for p in leaves(3)]
            theirs = [p.clone().requires_grad_() for p in params]
            reference = torch.optim.AdamW(
                [
                    {"params": theirs[::2], "weight_decay": decay},
                    {"params": theirs[1::2], "weight_decay": 0.0},
                ],
                betas=(0.9, 0.95),
            )
            for step in range(20):
                reference.zero_grad()
                for group in reference.param_groups:
                    group["lr"] = rates[step][model]
                cost(theirs, X).backward()
                reference.step()
            for a, b in zip(ours, theirs, strict=True):
                assert_allclose(a[model].detach(), b[0].detach(), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:grad and param do not obey:UserWarning")
@pytest.mark.parametrize("n_models", [1, 3])
def test_adamw_resumes_where_its_state_was_taken(n_models):
    X, decays = torch.ones((5, 4), dtype=torch.float64), [0.1] * n_models
    rates = [[0.01] * n_models] * 3
    through = leaves(n_models)
    take_steps(through, AdamW(through, decays), X, 2 * rates)
    first = leaves(n_models)
    optimizer = AdamW(first, decays)
    take_steps(first, optimizer, X, rates)
    state = [tensor.numpy().copy() for tensor in optimizer.state]
    assert {len(array) for array in state} == {n_models}
    again = [p.detach().clone().requires_grad_() for p in first]
    resumed = AdamW(again, decays, state)
    take_steps(again, resumed, X, rates)
    for a, b in zip(through, again, strict=True):
        assert_array_equal(a.detach(), b.detach())


# Batches and learning rates.


def epochs(n_rows, batch_size, max_iter, n_classes=3, **options):
    similarity = LabelSimilarity().fit(None, np.arange(n_rows) % n_classes)
    rng = np.random.RandomState(0)
    return Epochs([similarity], [rng], batch_size, max_iter, **options)


def rates_of(n_steps):
    """Return the learning rates of a fit of so many steps."""
    parts = [rates for *_, rates in epochs(60, 60, n_steps)]
    return np.concatenate(parts)


@pytest.mark.parametrize("n_steps", [1, 2, 19, 300])
def test_learning_rates_rise_and_fall(n_steps):
    rates = rates_of(n_steps)
    peak = rates.argmax()
    assert len(rates) == n_steps
    assert (rates > 0).all()
    assert rates.max() <= 1
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) <= 0).all()
    if n_steps == 300:
        assert rates[0] == pytest.approx(1 / 20)
        assert rates[20] == pytest.approx(1)
        assert rates[160] == pytest.approx(0.5)
        assert rates[-1] < 1e-3


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "n_steps"),
    [
        (150, 256, 150),
        (6000, 256, 281),
        (60_000, 256, 2000),
        (50_000, 512, 1172),
        (90, 128, 300),
        (20_000, 128, 1875),
        (60_000, 128, 4000),
        (300, 64, 600),
        (300, 16, 600),
    ],
)
def test_auto_length_is_12_visits_within_limits(n_rows, batch_size, n_steps):
    found = list(epochs(n_rows, batch_size, "auto"))
    rates = np.concatenate([rates for *_, rates in found])
    assert sum(len(index) for _, index, _ in found) == len(rates) == n_steps
    assert_array_equal(rates, rates_of(n_steps))
    longest = max(10, n_rows // min(batch_size, n_rows))
    in_epoch = np.bincount([e for e, *_ in found], [len(rates) for *_, rates in found])
    assert max(in_epoch) <= longest
    assert min(in_epoch[1:]) >= longest / 2


def test_an_int_counts_passes_over_the_rows():
    found = epochs(300, 64, 3)
    assert found.sizes == (3, 12)
    assert found.n_reports == 3
    for epoch, (number, index, rates) in enumerate(found, start=1):
        assert number == epoch
        assert index.shape == (4, 1, 64)
        assert len(rates) == 4


@pytest.mark.parametrize(
    ("n_steps", "max_iter", "lengths"),
    [
        (199, 2, [199] * 2),
        (200, 2, [200] * 2),
        (201, 2, [200, 1] * 2),
        (450, 1, [200, 200, 50]),
        (4000, 1, [200] * 20),
    ],
)
def test_a_long_epoch_is_reported_every_200_steps_and_at_its_end(
    n_steps, max_iter, lengths
):
    found = epochs(4 * n_steps, 4, max_iter)
    assert found.n_reports == len(lengths)
    assert [len(index) for _, index, _ in found] == lengths
    in_order = [number for number, *_ in found]
    assert in_order == np.repeat([1, 2][:max_iter], len(lengths) // max_iter).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 3000), st.sampled_from([2, 3, 8]))
def test_reports_are_counted_without_drawing(n_rows, batch_size):
    for max_iter in ("auto", 2):
        found = epochs(n_rows, batch_size, max_iter)
        lengths = [len(rates) for *_, rates in found]
        assert found.n_reports == len(lengths)
        assert sum(lengths) == found.sizes[1]


def test_epochs_to_come_cost_nothing():
    found = epochs(300, 64, 10**12)
    _, index, rates = next(iter(found))
    assert len(index) == len(rates) == 4
    assert found.n_reports == 10**12


def test_constant_rates_are_the_peak():
    ((_, _, rates),) = epochs(300, 64, 1, constant=True)
    assert_array_equal(rates, 1)


def test_the_rest_of_a_pass_cut_short_is_let_go():
    for _, index, _ in epochs(1_000_000, 16, "auto"):
        held = index if index.base is None else index.base
        assert held.size <= 4_000 * 2 * 16


def test_short_passes_are_joined_to_an_epoch():
    # One class in excess of all others: a pass draws few of its rows.
    y = np.concatenate([np.zeros(5000, int), np.arange(300).repeat(3)])
    similarity = LabelSimilarity().fit(None, y)
    rng = np.random.RandomState(0)
    assert len(similarity.batches(64, rng)) < len(y) // 64
    found = list(Epochs([similarity], [rng], 64, 2))
    assert [index.shape for _, index, _ in found] == [(len(y) // 64, 1, 64)] * 2


def test_each_model_draws_its_batches_as_alone():
    y = np.arange(300) % 3
    similarities = [LabelSimilarity().fit(None, y), LabelSimilarity(4).fit(None, y)]
    together = Epochs(similarities, random_streams(0, 2), 64, 3)
    alone = [
        Epochs([similarity], [rng], 64, 3)
        for similarity, rng in zip(similarities, random_streams(0, 2), strict=True)
    ]
    for (_, index, _), *own in zip(together, *alone, strict=True):
        assert_array_equal(index, np.concatenate([part for _, part, _ in own], axis=1))


# The loop.


class Flat:
    """An optimizer with one flat tensor of parameters."""

    def __init__(self):
        self.tensors = [torch.zeros(2, 3)]


class Steps:
    """A trainer with given losses of its reports; None interrupts one with Ctrl-C.

    Its only parameter is the number of losses so far.
    """

    circumstances = "cpu", 8, None

    def __init__(self, losses):
        self.losses, self.n_done = list(losses), 0
        self.optimizers = [Flat()]

    def train(self, index, rates):
        # Steps before an interrupt change parameters too.
        self.n_done += 1
        loss = self.losses.pop(0)
        if loss is None:
            raise KeyboardInterrupt
        return [loss, loss + 2]

    def statistics(self):
        return {"kept": len(self.losses)}

    def embed(self, rows, models):
        return self.losses

    def state(self, models=slice(None)):
        return TrainedState([np.full(1, self.n_done)], [], [])


class Silent:
    """Reports to nobody, and stops after some reports."""

    def __init__(self, stop_after=None):
        self.stop_after, self.n_begun, self.n_ended = stop_after, 0, 0

    def begin(self):
        self.n_begun += 1

    def end(self, report, stop):
        self.n_ended += 1
        return self.n_ended == self.stop_after


BATCHES = [(i, np.zeros((3, 1, 2), int), np.ones(3)) for i in range(1, 6)]


def curve(history, name):
    return [values[name] for values in history.entries[: history.n_entries]]


def test_a_run_records_the_mean_loss_and_the_statistics_of_each_report():
    reports = Silent()
    report = run(Steps(range(5)), BATCHES, History(0.25), None, reports)
    assert curve(report.history, "loss") == [1, 2, 3, 4, 5]
    assert curve(report.history, "kept") == [4, 3, 2, 1, 0]
    assert (report.history.n_iter, report.history.n_steps) == (5, 15)
    assert reports.n_begun == reports.n_ended == 5
    assert report.state.params == [5]


def test_several_reports_of_an_epoch_count_as_one_pass():
    batches = [
        (number, *rest)
        for number, (_, *rest) in zip([1, 1, 2], BATCHES[:3], strict=True)
    ]
    report = run(Steps(range(3)), batches, History(0.25, n_iter=4), None, Silent())
    assert len(curve(report.history, "loss")) == 3
    assert (report.history.n_iter, report.history.n_steps) == (6, 9)


def test_a_run_ends_where_a_report_wants_it():
    report = run(Steps(range(5)), BATCHES, History(0.25), None, Silent(stop_after=2))
    assert report.history.n_iter == 2


def test_a_loss_that_is_not_finite_is_an_error_with_advice():
    message = "The loss became nan in epoch 3. Lower `learning_rate_init` (now 0.25)"
    with pytest.raises(FloatingPointError, match=re.escape(message)):
        run(Steps([0, 0, np.nan]), BATCHES, History(0.25), None, Silent())


def test_weights_that_are_not_finite_after_the_last_step_are_an_error():
    steps = Steps([0])
    steps.optimizers[0].tensors[0][1, 2] = torch.inf
    message = "The weights or points are not finite after epoch 1. Lower `learn"
    with pytest.raises(FloatingPointError, match=re.escape(message)):
        run(steps, BATCHES[:1], History(0.25), None, Silent())


def test_ctrl_c_is_raised_before_the_first_report_and_warns_later():
    history = History(0.25, n_iter=4)
    with pytest.raises(KeyboardInterrupt):
        run(Steps([None]), BATCHES, history, None, Silent())
    message = "interrupted in epoch 6, after 6 steps; the model keeps"
    with pytest.warns(UserWarning, match=message):
        report = run(Steps([0, 0, None]), BATCHES, history, None, Silent())
    assert curve(report.history, "loss") == [1, 1]
    # Not those of the steps that were interrupted.
    assert report.state.params == report.best.params == [2]


def test_held_out_points_that_are_not_finite_are_an_error():
    X, y = np.zeros((9, 1)), np.arange(9) % 3
    similarity = LabelSimilarity().fit(X, y)
    pairs = HeldOutPairs(X, similarity, np.random.RandomState(0))
    points = np.full((9, 2), 1e200)
    assert np.isfinite(pairs.score(points))
    points[4] = np.nan
    steps = Steps([0])
    steps.embed = lambda rows, models: points
    stopping = EarlyStopping([pairs], 9, 0.0)
    with pytest.raises(FloatingPointError, match="points are not finite after epoch 1"):
        run(steps, BATCHES[:1], History(0.25), stopping, Silent())


class Impatient:
    """Held-out pairs whose scoring Ctrl-C interrupts."""

    rows = None

    def __init__(self, at):
        self.at, self.n_scores = at, 0

    def score(self, points):
        self.n_scores += 1
        if self.n_scores == self.at:
            raise KeyboardInterrupt
        return 0.5


def test_ctrl_c_while_held_out_pairs_are_scored_ends_at_the_report_before():
    stopping = EarlyStopping([Impatient(at=3)], 9, 0.0)
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        report = run(Steps(range(5)), BATCHES, History(0.25), stopping, Silent())
    assert report.history.n_iter == 2
    assert curve(report.history, "loss") == [1, 2]
    assert curve(report.history, "score") == [0.5, 0.5]
    assert report.best.params == [2]
    assert report.best_score == 0.5
    stopping = EarlyStopping([Impatient(at=1)], 9, 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(Steps(range(5)), BATCHES, History(0.25), stopping, Silent())


def test_an_interrupted_history_can_be_carried_on():
    history = History(0.25)
    first = history.with_report(1, 3, {"loss": 1.0})
    # As if interrupted before anyone kept it.
    first.with_report(1, 3, {"loss": 2.0})
    second = first.with_report(2, 3, {"loss": 3.0})
    assert curve(first, "loss") == [1.0]
    assert curve(second, "loss") == [1.0, 3.0]
    assert curve(history, "loss") == []


# Randomness and devices.


def test_a_stream_for_each_model_and_others_where_a_fit_resumes():
    def draws(*given):
        return [tuple(rng.randint(2**31, size=3)) for rng in random_streams(*given)]

    assert draws(0, 3) == draws(0, 3)
    assert len(set(draws(0, 3) + draws(0, 3, 40) + draws(0, 3, 80))) == 9
    assert draws(None) != draws(None)
    rng = np.random.RandomState(0)
    assert random_streams(rng) == random_streams(rng, 1, 40) == [rng]


def test_thread_counts_are_left_alone():
    before = torch.get_num_threads(), threadpool_info()
    with isolated_rng_and_threads("cpu", 128):
        assert torch.get_num_threads() == 1
    assert before == (torch.get_num_threads(), threadpool_info())


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (
            RuntimeError("DefaultCPUAllocator: tried to allocate 640 bytes."),
            "640 bytes",
        ),
        (RuntimeError("CUDA: Tried to allocate 2.00 GiB."), "2.00 GiB"),
        (MemoryError("Unable to allocate 122. MiB for an array"), "122. MiB"),
        (MemoryError(), "arrays"),
    ],
)
def test_memory_that_is_lacking_is_one_kind_of_error(error, asked):
    with pytest.raises(MemoryError, match=f"^Memory for {asked} of a step") as found:
        with isolated_rng_and_threads("cpu", 128):
            raise error
    assert found.value.__cause__ is error


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        with isolated_rng_and_threads("cpu", 128):
            raise RuntimeError("shapes cannot be multiplied")


def test_device_auto_is_one_that_works():
    device = resolve_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert resolve_device("cpu") == resolve_device("cpu:0") == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "tpu", ""])
def test_devices_that_are_not_there_raise(device):
    message = f"got {device!r}. With 'auto' the fastest of them is chosen."
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_device(device)
