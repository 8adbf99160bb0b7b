"""A file of arrays and JSON, and what is no such file."""

import hashlib
import json
import struct

import numpy as np
import pytest

from sklearn_contrastive._training._files import can_hold, read_file, write_file

RNG = np.random.RandomState(0)
ARRAYS = [
    RNG.normal(size=(3, 4)),
    RNG.normal(size=(3, 4, 2)).astype(np.float32).swapaxes(0, 2),
    np.asfortranarray(RNG.normal(size=(5, 3)))[::2],
    np.array(7, dtype=np.int8),
    np.array([True, False]),
    np.array(["", "né", "\ud800"]),
    np.zeros((0, 4)),
    np.array([np.nan, -0.0, np.inf], dtype=">f8"),
    np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
    np.array([], dtype="U"),
]


def written(path, arrays=ARRAYS, header=None):
    write_file(path, 0, header or {"a": [1, None, "né"]}, arrays)
    return path.read_bytes()


def sealed(data):
    return data + hashlib.sha256(data).digest()


def test_what_is_read_is_what_was_written(tmp_path):
    path = tmp_path / "a file.without.a_suffix"
    assert written(path) == written(path)
    schema, header, arrays = read_file(path, {0})
    assert (schema, header) == (0, {"a": [1, None, "né"]})
    for old, new in zip(ARRAYS, arrays, strict=True):
        assert new.dtype == old.dtype.newbyteorder("=") or old.dtype.str == "<U0"
        np.testing.assert_array_equal(old, new)
        assert new.flags.writeable
    # The axes lie in memory as before.
    assert (
        np.argsort(arrays[1].strides).tolist() == np.argsort(ARRAYS[1].strides).tolist()
    )
    assert arrays[2].flags.f_contiguous
    assert [*tmp_path.iterdir()] == [path]


def test_an_error_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "model"
    before = written(path)
    with pytest.raises(ValueError, match="JSON"):
        write_file(path, 0, {"a": float("nan")}, [])
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "none" / "model", 0, {}, [])
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("dtype", ["O", "V3", "f4,f4", "S3"])
def test_other_dtypes_are_not_held(dtype):
    assert not can_hold(np.zeros(2, dtype))
    assert not can_hold(np.ma.zeros(2))


@pytest.mark.parametrize(
    "entry",
    [
        ["|O", [1], [0]],
        ["<f8,<f8", [1], [0]],
        ["<U0", [10**12], [0]],
        ["<f8", [10**15], [0]],
        ["<f8", [-1], [0]],
        ["<f8", [2.0], [0]],
        ["<f8", [True], [0]],
        ["<f8", [2**40] * 70 + [0], [*range(71)]],
        ["<f8", [1], [1]],
        ["<f8", [2], [0]],
        ["<U1", [2], [0]],
        ["|b1", [8], [0]],
        ["<f8", 1, [0]],
        [8, [1], [0]],
        ["<f8"],
    ],
)
def test_an_array_that_does_not_fit_is_an_error(tmp_path, entry):
    text = json.dumps({"arrays": [entry]}).encode()
    head = struct.pack("<8sIQ", b"sk-contr", 0, len(text))
    (tmp_path / "model").write_bytes(sealed(head + text + b"\xff" * 8))
    with pytest.raises((ValueError, TypeError)):
        read_file(tmp_path / "model", {0})


def test_parts_of_a_file_and_other_files_are_errors(tmp_path):
    path = tmp_path / "model"
    data = written(path)
    body = data[:-32]
    for other, message in [
        (b"", "not written by"),
        (b"PK" + data, "not written by"),
        (data[:-1], "checksum"),
        (data + b"\0", "checksum"),
        (sealed(body[:8] + b"\7" + body[9:]), "schema 7"),
        (sealed(body[:15] + b"\1" + body[16:]), "longer than the file"),
        (sealed(body + b"\0"), "another size"),
    ]:
        path.write_bytes(other)
        with pytest.raises(ValueError, match=message):
            read_file(path, {0})
