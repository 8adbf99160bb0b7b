"""One file of arrays and JSON: written at once, and read without running any of it.

A file has a magic word, the number of its schema, the size of its header, the header
as JSON, the bytes of the arrays in turn, and the SHA-256 of all before.
"""

import hashlib
import json
import math
import os
import re
import secrets
import struct
from contextlib import suppress

import numpy as np

#: The first bytes of a file, by what writes it.
_MAGIC = {"`save`": b"sk-contr", "`fit` with `checkpoint`": b"sk-check"}
_HEAD = struct.Struct("<8sIQ")
_DIGEST = 32
#: Numbers, text and dates of a fixed size: nothing that refers to an object.
_DTYPES = re.compile(
    r"\|[biu]1|<([iu][248]|f[248]|c8|c16|U[1-9]\d{0,8}|[mM]8(\[\w{1,9}\])?)"
)


def can_hold(array):
    """Return whether an array is of a dtype that a file has."""
    dtype = array.dtype.newbyteorder("<")
    return type(array) in (np.ndarray, np.memmap) and bool(
        _DTYPES.fullmatch(dtype.str) or dtype.str == "<U0"
    )


def write_file(path, schema, header, arrays, writer="`save`"):
    """Write arrays with a header that JSON can hold, and replace the file at `path`."""
    stored = [_stored(array) for array in arrays]
    entries = [(rows.dtype.str, rows.shape, axes) for rows, axes in stored]
    text = json.dumps({**header, "arrays": entries}, allow_nan=False).encode()
    head = _HEAD.pack(_MAGIC[writer], schema, len(text))
    parts = [head, text, *(rows for rows, _ in stored)]
    folder, name = os.path.split(os.path.abspath(path))
    beside = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    digest = hashlib.sha256()
    try:
        with open(beside, "xb") as file:
            for part in parts:
                part = part if isinstance(part, bytes) else part.tobytes()
                digest.update(part)
                file.write(part)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, os.path.join(folder, name))
    finally:
        with suppress(FileNotFoundError):
            os.remove(beside)


def read_file(path, schemas, writer="`save`"):
    """Return schema, header and arrays of a file; ValueError where it is none."""
    with open(path, "rb") as file:
        data = file.read()
    found = next((w for w, magic in _MAGIC.items() if data.startswith(magic)), None)
    if found not in (writer, None):
        raise ValueError(f"it was written by {found}, not by {writer}")
    if found is None or len(data) < _HEAD.size + _DIGEST:
        raise ValueError(f"it was not written by {writer}, or is cut off")
    body = memoryview(data)[:-_DIGEST]
    if hashlib.sha256(body).digest() != data[-_DIGEST:]:
        raise ValueError("its checksum is another: it was changed or is cut off")
    _, schema, size = _HEAD.unpack_from(data)
    if schema not in schemas:
        raise ValueError(
            f"it has schema {schema}, and this version reads {max(schemas)} at most: "
            "install a later one"
        )
    start = _HEAD.size + size
    if start > len(body):
        raise ValueError("its header is longer than the file")
    header = json.loads(str(body[_HEAD.size : start], "utf-8"))
    ends, entries = [start], [_checked(*entry) for entry in header.pop("arrays")]
    for dtype, shape, _ in entries:
        ends.append(ends[-1] + dtype.itemsize * math.prod(shape))
    if ends[-1] != len(body):
        raise ValueError("its arrays are of another size than the file")
    # With the checksum behind, also an empty array has bytes to begin at.
    arrays = [_array(data, at, *e) for at, e in zip(ends[:-1], entries, strict=True)]
    return schema, header, arrays


def _stored(array):
    """Return an array in the order of its memory, and the order of its axes there.

    Products of matrices may have other bits where axes lie in another order.
    """
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    dtype = array.dtype.newbyteorder("<")
    dtype = np.dtype("<U1") if dtype.str == "<U0" else dtype
    return np.array(array.transpose(axes), dtype, order="C"), axes


def _checked(dtype, shape, axes):
    """Return dtype, shape and axes as they stand in a header, or raise."""
    counts = all(type(n) is int and 0 <= n < 2**48 for n in shape)
    ordered = sorted(axes) == [*range(len(shape))]
    if not (_DTYPES.fullmatch(dtype) and counts and ordered):
        raise ValueError("it describes an array that no file has")
    return np.dtype(dtype), shape, axes


def _array(data, start, dtype, shape, axes):
    """Return an array of its own memory, of which every value is one of its dtype."""
    count = math.prod(shape)
    array = np.frombuffer(data, dtype, count, start).reshape(shape).copy()
    units = {"b": ("u1", 1), "U": ("<u4", 0x10FFFF)}.get(dtype.kind)
    if units and count and array.reshape(-1).view(units[0]).max() > units[1]:
        raise ValueError("it has text or truth values that are none")
    return array.transpose(np.argsort(axes)).astype(dtype.newbyteorder("="), copy=False)
