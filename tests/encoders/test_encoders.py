"""Encoders in numpy and in torch, and a user's module behind the same interface."""

import re
from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.encoders import (
    ACTIVATIONS,
    ENCODERS,
    Encoder,
    MLPEncoder,
    ModuleEncoder,
    place_points,
    to_sphere,
)
from sklearn_contrastive.encoders._mlp import AutogradPasses, write_mask
from sklearn_contrastive.encoders._stream import own_stream


def random_stream(seed=0):
    return np.random.Generator(np.random.SFC64(seed))


def random_rows(n_rows=5, n_features=4, dtype=np.float64):
    return np.random.RandomState(0).normal(size=(n_rows, n_features)).astype(dtype)


def as_tensors(params, dtype):
    return [torch.from_numpy(param).to(dtype) for param in params]


def leaves(models, dtype=torch.float64):
    """Return parameters along a leading axis of models, with gradients to write to."""
    stacked = [np.stack(arrays) for arrays in zip(*models, strict=True)]
    params = [param.requires_grad_() for param in as_tensors(stacked, dtype)]
    for param in params:
        param.grad = torch.full_like(param, torch.nan)
    return params


def mask_like(X, share, generator):
    return write_mask(torch.full_like(X, torch.nan), share, generator)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_agree(name, dtype):
    X = np.linspace(-30, 30, 601).astype(dtype)
    activation = ACTIVATIONS[name]
    ours = activation.for_numpy(X.copy())
    theirs = activation.for_torch(torch, torch.from_numpy(X.copy())).numpy()
    assert ours.dtype == dtype
    tolerance = 1e-6 if dtype is np.float32 else 1e-14
    assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (7,), (6, 5)])
def test_forward_is_the_layers_written_out(activation, hidden):
    encoder = MLPEncoder(hidden, activation)
    params = encoder.init(4, 3, np.random.RandomState(0))
    X = random_rows()
    layers = list(zip(params[::2], params[1::2], strict=True))
    Z = X
    for W, b in layers[:-1]:
        Z = ACTIVATIONS[activation].for_numpy(Z @ W + b)
    Z = Z @ layers[-1][0] + layers[-1][1]
    assert_allclose(encoder.forward(params, X), Z, rtol=1e-12)
    tensors = as_tensors(params, torch.float64)
    assert_allclose(encoder.forward(tensors, torch.from_numpy(X)), Z, rtol=1e-12)


def test_forward_takes_a_leading_axis_of_models():
    encoder = MLPEncoder((6,))
    models = [encoder.init(4, 3, np.random.RandomState(seed)) for seed in range(3)]
    params = [np.stack(arrays) for arrays in zip(*models, strict=True)]
    X = random_rows()
    stacked = encoder.forward(params, X)
    for model, Z in zip(models, stacked, strict=True):
        assert_allclose(Z, encoder.forward(model, X), rtol=1e-12)


def test_dropout_needs_a_generator_and_keeps_the_mean():
    encoder = MLPEncoder((4000,), "identity", dropout=0.25)
    params = as_tensors(encoder.init(4, 1, np.random.RandomState(0)), torch.float64)
    X = torch.from_numpy(random_rows(400))
    plain = encoder.forward(params, X)
    assert torch.equal(plain, encoder.forward(params, X))
    dropped = encoder.forward(params, X, random_stream())
    assert not torch.equal(plain, dropped)
    assert torch.equal(dropped, encoder.forward(params, X, random_stream()))
    # The standard error of this mean is 0.018.
    assert abs((dropped - plain).mean()) < 0.06


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_dropout_masks_drop_their_share_and_keep_the_mean(share):
    X = torch.ones(701, 333)
    mask = mask_like(X, share, random_stream())
    dropped = (mask == 0).double().mean().item()
    # Four standard deviations of a share of so many draws.
    assert dropped == pytest.approx(share, abs=4 * 0.5 / X.numel() ** 0.5)
    assert_allclose(mask[mask > 0], 1 / (1 - share), rtol=1e-4)
    # Neighbours in a row come from one random number; they must not go together.
    both = ((mask[:, 1:] == 0) & (mask[:, :-1] == 0)).double().mean().item()
    assert both == pytest.approx(share**2, abs=0.01)


def test_a_share_of_almost_one_leaves_finite_masks():
    mask = mask_like(torch.ones(64, 64), 1 - 1e-9, random_stream())
    assert torch.isfinite(mask).all()


def test_a_share_of_zero_drops_nothing_and_draws_nothing():
    generator = random_stream()
    assert (mask_like(torch.ones(64, 64), 0.0, generator) == 1).all()
    assert generator.random() == random_stream().random()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (7,), (6, 5)])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_passes_are_those_of_automatic_differentiation(activation, hidden, dropout):
    encoder = MLPEncoder(hidden, activation, dropout)
    arrays = encoder.init(4, 3, np.random.RandomState(0))
    X = torch.from_numpy(random_rows(9))[None]
    for normalize in (True, False):
        ours, theirs = leaves([arrays]), leaves([arrays])
        with torch.no_grad():
            passes = encoder.passes(ours, 9, normalize, [random_stream()])
            plain = AutogradPasses(encoder, theirs, normalize, random_stream())
            for _ in range(2):
                points, expected = passes.forward(X), plain.forward(X)
                assert_allclose(points, expected, rtol=1e-12, atol=1e-15)
                gradient = torch.sin(10 * expected)
                passes.backward(gradient)
                plain.backward(gradient)
                for found, param in zip(ours, theirs, strict=True):
                    assert_allclose(found.grad, param.grad, rtol=1e-11, atol=1e-13)


def test_passes_of_several_models_are_those_of_each():
    encoder, shares = MLPEncoder((6, 5), "silu"), [0.3, 0.0, 0.6]
    models = [encoder.init(4, 3, np.random.RandomState(seed)) for seed in range(3)]
    X = torch.from_numpy(random_rows(27).reshape(3, 9, 4))
    together = leaves(models)
    encoder.dropout = shares
    streams = [random_stream(seed) for seed in range(3)]
    passes = encoder.passes(together, 9, True, streams)
    with torch.no_grad():
        points = passes.forward(X).clone()
        passes.backward(torch.sin(10 * points))
        for i, (model, share) in enumerate(zip(models, shares, strict=True)):
            encoder.dropout, alone = share, leaves([model])
            passes = encoder.passes(alone, 9, True, [random_stream(i)])
            (own,) = passes.forward(X[i : i + 1])
            assert_allclose(points[i], own, rtol=1e-12)
            passes.backward(torch.sin(10 * points[i : i + 1]))
            for found, param in zip(together, alone, strict=True):
                assert_allclose(found.grad[i], param.grad[0], rtol=1e-11, atol=1e-14)


def test_passes_at_the_centre_of_the_sphere_move_nothing():
    encoder = MLPEncoder((), dropout=0.0)
    params = leaves([[np.zeros((4, 3)), np.zeros(3)]])
    passes = encoder.passes(params, 5, True, [random_stream()])
    assert not passes.forward(torch.ones(1, 5, 4).double()).any()
    passes.backward(torch.ones(1, 5, 3))
    assert not any(param.grad.any() for param in params)


def test_initial_parameters_follow_the_stream():
    encoder = MLPEncoder((8,))
    one, same, other = (
        encoder.init(4, 2, np.random.RandomState(seed)) for seed in (0, 0, 1)
    )
    for a, b, c in zip(one, same, other, strict=True):
        assert a.dtype == np.float32
        assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    assert np.abs(one[0]).max() <= 1 / 2


def test_linear_has_no_hidden_layer():
    params = ENCODERS["linear"]().init(4, 2, np.random.RandomState(0))
    assert [param.shape for param in params] == [(4, 2), (2,)]


@pytest.mark.parametrize("sizes", [(0,), (8, -1), (2.5,), ("8",)])
def test_layer_sizes_out_of_range_raise(sizes):
    message = "`hidden_layer_sizes` must hold ints in [1, inf), one a layer; got"
    with pytest.raises(ValueError, match=re.escape(message)):
        MLPEncoder(sizes).init(4, 2, np.random.RandomState(0))


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_to_sphere_gives_length_one_and_keeps_zero(make):
    Z = random_rows(6, 3)
    Z[2] = 0
    points = np.asarray(to_sphere(make(Z)))
    lengths = np.linalg.norm(points, axis=1)
    assert_allclose(lengths, [1, 1, 0, 1, 1, 1], rtol=1e-14)
    assert_allclose(points * np.linalg.norm(Z, axis=1)[:, None], Z, atol=1e-14)


def test_to_sphere_has_a_gradient_of_zero_at_zero():
    Z = torch.zeros((2, 3), requires_grad=True)
    to_sphere(Z).sum().backward()
    assert not Z.grad.any()


@pytest.mark.parametrize("normalize", [True, False])
def test_squared_distances_of_placed_points_are_means_over_the_models(normalize):
    Z = np.random.RandomState(0).normal(size=(3, 5, 2))
    placed = place_points(Z, normalize)
    assert placed.shape == (5, 6)
    assert_allclose(place_points(torch.from_numpy(Z), normalize), placed, rtol=1e-14)
    apart = to_sphere(Z) if normalize else Z
    expected = ((apart[:, :, None] - apart[:, None]) ** 2).sum(-1).mean(0)
    found = ((placed[:, None] - placed) ** 2).sum(-1)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.last = nn.Linear(6, 2)
        self.first.bias.requires_grad_(False)

    def forward(self, X):
        return self.last(torch.relu(self.norm(self.first(X))))


def test_a_module_is_copied():
    module = Net()
    before = deepcopy(module.state_dict())
    encoder = ModuleEncoder(module, 4, 2)
    params = as_tensors(encoder.init(4, 2, None), torch.float32)
    for param in params:
        param.data = torch.full_like(param, 2)
    encoder.forward(
        params, torch.ones(3, 4), generator=random_stream()
    )  # updates the buffers given, in place
    assert module.training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_modules_forward_is_its_own_in_numpy_and_torch():
    module = Net().eval()
    encoder = ModuleEncoder(module, 4, 2)
    params = encoder.init(4, 2, None)
    X = random_rows(dtype=np.float32)
    X.setflags(write=False)
    expected = module(torch.tensor(X)).detach().numpy()
    assert_allclose(encoder.forward(params, X), expected, rtol=1e-6)
    wide = encoder.forward(params, X.astype(np.float64)[::-1])
    assert wide.dtype == np.float64
    assert_allclose(wide[::-1], expected, rtol=1e-5)


def test_frozen_parameters_and_buffers_are_not_trained():
    encoder = ModuleEncoder(Net(), 4, 2)
    assert len(encoder.init(4, 2, None)) == len(encoder.names)
    assert set(encoder.names[: encoder.n_trained]) == {
        name for name, param in Net().named_parameters() if param.requires_grad
    }
    assert "first.bias" in encoder.names[encoder.n_trained :]
    assert "norm.running_mean" in encoder.names[encoder.n_trained :]


def test_passes_of_a_module_train_it_and_update_its_buffers():
    encoder, X = ModuleEncoder(Net(), 4, 2), torch.from_numpy(random_rows(9)).float()
    params = [param[None] for param in as_tensors(encoder.init(4, 2, None), None)]
    for param in params[: encoder.n_trained]:
        param.requires_grad_().grad = torch.full_like(param, torch.nan)
    before = dict(zip(encoder.names, (p.detach().clone() for p in params), strict=True))
    passes = encoder.passes(params, 9, False, [random_stream()])
    with torch.no_grad():
        points = passes.forward(X[None])
        passes.backward(torch.ones_like(points))
    after = dict(zip(encoder.names, params, strict=True))
    # The gradient in the bias of the last layer is that in the points, added up.
    assert_allclose(after["last.bias"].grad, [[9, 9]])
    assert not torch.equal(after["norm.running_mean"], before["norm.running_mean"])
    assert torch.equal(after["first.bias"], before["first.bias"])


def test_a_factory_is_given_the_shape_and_a_seed():
    seen = []

    def factory(n_features, n_components):
        seen.append((n_features, n_components))
        return nn.Linear(n_features, n_components)

    state = torch.get_rng_state()
    one, same = (ModuleEncoder(factory, 4, 2, seed=3).init(4, 2, None) for _ in "ab")
    assert torch.equal(state, torch.get_rng_state())
    assert seen == [(4, 2)] * 2
    for a, b in zip(one, same, strict=True):
        assert_array_equal(a, b)


def test_a_lazy_module_gets_its_shape():
    lazy = nn.LazyLinear(2)
    params = ModuleEncoder(lazy, 4, 2).init(4, 2, None)
    assert sorted(param.shape for param in params) == [(2,), (2, 4)]
    assert isinstance(lazy.weight, nn.UninitializedParameter)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (nn.Linear(4, 3), ValueError, "given (2, 4) it returned (2, 3). Change its"),
        (nn.Linear(5, 2), ValueError, "must map a batch of shape (n_batch, 4) to"),
        (nn.Flatten(0), ValueError, "given (2, 4) it returned (8,)"),
        (nn.LSTM(4, 2), ValueError, "it returned tuple"),
        (lambda n_in, n_out: "net", TypeError, "that returns one; it returned str"),
    ],
)
def test_modules_of_another_shape_raise(source, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ModuleEncoder(source, 4, 2)


def draws():
    """Return what torch draws in many ways."""
    rows, half = torch.ones(3, 4), torch.full((3, 4), 0.5)
    functional = nn.functional
    yield from (torch.rand(2), torch.randn(2), torch.randperm(4), torch.rand_like(rows))
    yield from (torch.randint(9, (3,)), torch.randint(2, 9, (3,)))
    yield from (torch.randn_like(rows), torch.randint_like(rows, 9))
    yield from (torch.bernoulli(half), torch.multinomial(half, 2), torch.poisson(rows))
    yield from (torch.normal(rows, half), torch.binomial(4 * rows, half))
    yield torch.rand(2, out=torch.empty(2))
    yield functional.dropout(rows)
    yield functional.alpha_dropout(rows, training=True)
    yield functional.rrelu(-rows, training=True)
    yield functional.gumbel_softmax(rows)
    yield functional.scaled_dot_product_attention(
        *rows.expand(3, 1, 3, 4), dropout_p=0.5
    )
    yield torch.distributions.Beta(rows, rows).sample()
    yield nn.init.trunc_normal_(torch.empty(3))
    yield nn.LSTM(4, 3, 2, dropout=0.5)(rows)[0].detach()
    yield nn.TransformerEncoderLayer(4, 2, 8)(rows).detach()


def test_an_own_stream_draws_as_torchs_and_leaves_that_alone():
    torch.manual_seed(3)
    expected = [*draws(), *draws()]
    before, stream, found = torch.get_rng_state(), own_stream(3), []
    for _ in range(2):
        # It continues where it was left.
        with stream:
            found += draws()
    assert torch.equal(torch.get_rng_state(), before)
    for place, (own, global_) in enumerate(zip(found, expected, strict=True)):
        assert torch.equal(own, global_), place


def test_an_own_stream_is_for_draws_on_a_processor_without_a_generator():
    given, same = (torch.Generator().manual_seed(5) for _ in "ab")
    with own_stream(3):
        first = torch.rand(2, generator=given)
        assert torch.randn_like(torch.empty(2, device="meta")).is_meta
        assert torch.rand(2, device="meta").is_meta
        second = torch.rand(2)
    assert torch.equal(first, torch.rand(2, generator=same))
    assert torch.equal(
        second, torch.rand(2, generator=torch.Generator().manual_seed(3))
    )


class NoisyEncoder(Encoder):
    """Draws from torch's global stream in training."""

    draws_globally = True

    def init(self, n_in, n_out, rng):
        return [rng.normal(size=(n_in, n_out)).astype(np.float32)]

    def forward(self, params, X, generator=None):
        Z = X @ params[0]
        return Z if generator is None else Z + torch.randn_like(Z)


def test_what_draws_globally_in_training_leaves_the_global_stream_alone():
    X, y = random_rows(40), np.arange(40) % 2
    before = torch.get_rng_state()
    fits = []
    for seed in (0, 0, 1):
        model = ContrastiveEmbedding(
            2, encoder=NoisyEncoder(), max_iter=2, random_state=seed, device="cpu"
        )
        fits.append(model.fit(X, y).transform(X))
        assert torch.equal(torch.get_rng_state(), before)
    assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])
