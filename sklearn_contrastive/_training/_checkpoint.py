"""The state of training in a file, from which another process resumes it."""

import os
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, issparse

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._training._files import read_file, write_file
from sklearn_contrastive._training._global_batches import GlobalBatches
from sklearn_contrastive._training._models import Report, TrainedState
from sklearn_contrastive._training._run import run
from sklearn_contrastive._validation import SharedRows, shorten

#: The number of what is written, and who writes it.
_SCHEMA, _WRITER = 0, "`fit` with `checkpoint`"
_REMEDY = "Pass another path, or delete the file to begin anew."
#: Steps between two files, as many as a report has in a large table. These take some
#: 300 ms, and a file 10 ms; a larger state waits for a step more by so many bytes.
_STEPS, _BYTES_PER_STEP = 200, 2**16
#: Numbers of a table that are hashed together, so that temporary arrays stay small.
_BLOCK = 2**15


def run_with_checkpoint(
    path, identity, group, trainer, epochs, history, stopping, reports
):
    """Train as `run` does, from the state in a file if there is one, and write to it.

    ``identity`` names what determines a fit, with values that JSON can hold: the file
    of a fit with others is an error. Of a ``group`` of processes, not None, the first
    reads and writes.
    """
    training, report, given = (trainer, epochs, stopping), None, (path, identity)
    state = group.of_one(_read, *given) if group else _read(*given)
    if state is not None:
        try:
            report = _restore(state, history, *training)
        except Exception as error:
            raise _unreadable(path, error) from error
        if state["finished"]:
            return report
    if group is None or group.rank == 0:
        reports = _WrittenReports(path, identity, training, reports)
    return run(trainer, epochs, history, stopping, reports, report)


class _WrittenReports:
    """Reports of a fit, after some of which the state of training is written."""

    def __init__(self, path, identity, training, reports):
        self._path, self._identity, self._training = path, identity, training
        self._reports, self._next = reports, 0
        self.begin = reports.begin

    def end(self, report, stop):
        """Pass a report on, then write; return whether a callback wants to stop."""
        asked, n_steps = self._reports.end(report, stop), report.history.n_steps
        _, epochs, _ = self._training
        finished = bool(asked or stop) or n_steps == epochs.sizes[1]
        if finished or n_steps >= self._next:
            arrays = []
            state = {"finished": finished, **_state_of(report, *self._training)}
            header = {"identity": self._identity, "state": _packed(state, arrays)}
            write_file(self._path, _SCHEMA, header, arrays, _WRITER)
            n_bytes = sum(array.nbytes for array in arrays)
            self._next = n_steps + max(_STEPS, n_bytes // _BYTES_PER_STEP)
        return asked


def _read(path, identity):
    """Return the state in a file, None without one; raise where it is another's."""
    if not os.path.exists(path):
        return None
    try:
        _, header, arrays = read_file(path, {_SCHEMA}, _WRITER)
        written, state = dict(header["identity"]), _unpacked(header["state"], arrays)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    names = [*{**identity, **written}]
    names = [name for name in names if identity.get(name) != written.get(name)]
    if names:
        raise ValueError(
            f"`checkpoint` must be a file of the same fit; {shorten(str(path))} is of "
            f"one with another value of {', '.join(names)}. {_REMEDY}"
        )
    return state


def _unreadable(path, error):
    """Return the error for a file that another has led to."""
    found = error if isinstance(error, ValueError) else "its parts do not fit"
    named = shorten(str(path))
    return ValueError(f"`checkpoint` {named} cannot be read: {found}. {_REMEDY}")


def _state_of(report, trainer, epochs, stopping):
    """Return all that later steps read, as arrays in lists and dicts."""
    history, trained, best, best_score = report
    entries = history.entries[: history.n_entries]
    names = [*dict.fromkeys(name for each in entries for name in each)]
    keys = [key.cpu().numpy() for key in trainer._keys]
    return {
        "history": [history.n_iter, history.n_steps, names],
        "values": np.array([[e.get(n, np.nan) for n in names] for e in entries]),
        "given": np.array([[n in e for n in names] for e in entries]),
        "trained": trained,
        "best": None if best is trained else best[:2],
        "best_score": best_score,
        "batch": [trainer._X.cpu().numpy(), *keys],
        "memories": [memory.state() for memory in trainer.memories],
        "random": [_drawn(each) for each in _generators(trainer, epochs)],
        "place": epochs.place,
        "searches": [source.state() for source in _searches(epochs)],
        "stopping": stopping and stopping.state(),
    }


def _restore(state, history, trainer, epochs, stopping):
    """Bring a training to a state, and return its last report."""
    import torch

    n_iter, n_steps, names = state["history"]
    rows = zip(state["values"].tolist(), state["given"].tolist(), strict=True)
    entries = [
        {n: v for n, v, given in zip(names, *row, strict=True) if given} for row in rows
    ]
    counts = {"n_iter": n_iter, "n_steps": n_steps, "n_entries": len(entries)}
    history = replace(history, entries=entries, **counts)
    best = trained = TrainedState(*state["trained"])
    if state["best"] is not None:
        best = TrainedState(*state["best"], trained.optimizer_states)
    with torch.no_grad():
        _restore_batch(trainer, *state["batch"])
        _restore_params(trainer, trained)
        for memory, own in zip(trainer.memories, state["memories"], strict=True):
            memory.restore(own)
    generators = _generators(trainer, epochs)
    for generator, drawn in zip(generators, state["random"], strict=True):
        _redraw(generator, drawn)
    epochs.place = state["place"]
    for source, own in zip(_searches(epochs), state["searches"], strict=True):
        source.restore(own)
    if stopping is not None:
        stopping.restore(state["stopping"], best)
    return Report(history, trained, best, state["best_score"])


def _restore_batch(trainer, X, *keys):
    """Make the arrays and evaluators of a step, with the last batch in them."""
    import torch

    keys = [torch.from_numpy(key).to(trainer._device)[None] for key in keys]
    keys = [Keys(*pair) for pair in zip(keys[::2], keys[1::2], strict=True)]
    numbers = np.zeros((1, len(X), X.shape[1] // trainer._n_views), dtype=np.int64)
    if trainer._rows.on_device:
        numbers = torch.from_numpy(numbers).to(trainer._device)
    trainer._prepare(numbers, keys)
    trainer._X.copy_(torch.from_numpy(X))


def _restore_params(trainer, trained):
    """Write parameters and what optimizers hold to where steps read them."""
    import torch

    pairs = [*zip(trainer._params, trained.params, strict=True)]
    for own, saved in zip(trainer._loss_params, trained.loss_params, strict=True):
        pairs += [(own[name], saved[name]) for name in own]
    for place, optimizer in enumerate(trainer.optimizers):
        of_models = (states[place] for states in trained.optimizer_states)
        saved = (np.stack(parts) for parts in zip(*of_models, strict=True))
        pairs += zip(optimizer.state, saved, strict=True)
    for tensor, saved in pairs:
        tensor.copy_(torch.from_numpy(saved).view(tensor.shape))


def _generators(trainer, epochs):
    """Return all that is drawn from in training."""
    views = trainer._rows.views or ()
    _, _, seed = trainer.circumstances
    streams = () if seed is None else trainer._streams
    return [
        *(*trainer._generators, *(stream.generator for stream in streams)),
        *(*(view.keywords["rng"] for view in views), *epochs.rngs),
    ]


def _drawn(generator):
    """Return where a generator of numpy or torch is."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.get_state().numpy()


def _redraw(generator, drawn):
    """Let a generator go on from where it was."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = drawn
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(drawn)
    else:
        import torch

        generator.set_state(torch.from_numpy(drawn))


def _searches(epochs):
    return [each for each in epochs.sources if isinstance(each, GlobalBatches)]


def _packed(value, arrays):
    """Return JSON that stands for a value, whose arrays are appended to a list."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return ["array", len(arrays) - 1]
    if isinstance(value, dict):
        return {name: _packed(each, arrays) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return ["list", *(_packed(each, arrays) for each in value)]
    return value


def _unpacked(node, arrays):
    """Return the value that some JSON stands for, tuples as lists."""
    if isinstance(node, dict):
        return {name: _unpacked(each, arrays) for name, each in node.items()}
    if isinstance(node, list):
        kind, *rest = node
        if kind == "array":
            return arrays[rest[0]]
        return [_unpacked(each, arrays) for each in rest]
    return node


def fingerprint(X, first_row=0):
    """Return two numbers that tell tables apart, and add up over blocks of rows.

    Each row is hashed with its number, `first_row` being that of the first, and hashes
    are added modulo 2**64: the sum is the same however a table is divided, and in
    whatever order its blocks come.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_rows, n_features)
        Floats; all NaN count as one, as both zeros do. A sparse block has the sum of
        the dense one.

    first_row : int, default=0
        Number of the first row in the table.

    Returns
    -------
    sums : ndarray of uint64 of shape (2,)
        To be added to those of other blocks.
    """
    values = X.data if issparse(X) else X
    values = np.add(values, 0, order="C")
    values[np.isnan(values)] = np.nan
    # Multiplied by random numbers of 64 bits, words of 32 bits hardly ever collide.
    words = values.reshape(-1, 1).view(np.uint32)
    n_words, n_rows = words.shape[1], X.shape[0]
    factors = np.arange(1, 2 * n_words * X.shape[1] + 1, dtype=np.uint64)
    factors = _mixed(factors).reshape(X.shape[1], n_words, 2)
    hashes = np.zeros((n_rows, 2), dtype=np.uint64)
    for word in range(n_words):
        own = words[:, word].astype(np.uint64)
        if issparse(X):
            own = csr_array((own, X.indices, X.indptr), shape=X.shape)
        else:
            own = own.reshape(X.shape)
        hashes += own @ factors[:, word]
    numbers = np.arange(first_row, first_row + n_rows, dtype=np.uint64)
    return _mixed(hashes + _mixed(numbers)[:, None]).sum(axis=0, dtype=np.uint64)


def _mixed(numbers):
    """Return hashes of 64 bits; the finish of SplitMix64, of numbers in its order."""
    z = (numbers + 1) * 0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    return z ^ (z >> 31)


def table_fingerprint(X):
    """Return the `fingerprint` of checked rows, read block by block."""
    if isinstance(X, SharedRows):
        return sum(each for own in X.group.each(_of_parts(X)) for each in own)
    table = X if isinstance(X, np.ndarray) else X.table
    return _of_table(table, 0)


def _of_parts(X):
    """Return the fingerprints of the rows that lie in this process."""
    return [_of_table(part, n) for n, part in zip(X.firsts, X.parts, strict=True)]


def _of_table(table, first_row):
    n_rows = max(1, _BLOCK // max(1, table.shape[1]))
    starts = range(0, table.shape[0], n_rows)
    blocks = ((table[start : start + n_rows], first_row + start) for start in starts)
    return sum(fingerprint(*block) for block in blocks)
