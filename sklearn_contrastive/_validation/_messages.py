"""Values of the user, and errors of other libraries that hold some, in messages."""

import re
from contextlib import contextmanager
from reprlib import Repr

import numpy as np

_SHORT = Repr()
vars(_SHORT).update(dict.fromkeys(["maxstring", "maxlong", "maxother"], 60), maxlevel=1)
vars(_SHORT).update(dict.fromkeys(["maxlist", "maxtuple", "maxset", "maxdict"], 3))
#: In texts of other libraries: more than three entries, names below each other, or
#: letters without a space.
_LONG = (
    (re.compile(r"(\[(?:[^][\s]+\s+){3})[^][]+"), r"\1..."),
    (re.compile(r"((?:^- .*\n){3})(?:- .*\n)+", re.MULTILINE), r"\1- ...\n"),
    (re.compile(r"(\S{28})\S+(\S{28})"), r"\1...\2"),
)


def shorten(value):
    """Return a value as text for messages: three entries at most, each cut short."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "mM":
        value = np.ravel(value)[:4].tolist() if value.ndim else value.item()
    try:
        return _SHORT.repr(value)
    except ValueError:
        # Python writes no more than 4,300.
        return "an int of very many digits"


def shortened(error, most=300):
    """Shorten the text of another library's error in place, and return the error."""
    text = str(error)
    for pattern, shorter in _LONG:
        text = pattern.sub(shorter, text)
    if len(text) > most:
        text = f"{text[: most // 2]}...{text[-(most // 2) + 3 :]}"
    if text != str(error):
        error.args = (text,)
    return error


@contextmanager
def short_errors():
    """Shorten errors of other libraries, which may hold cells of the user."""
    try:
        yield
    except (TypeError, ValueError) as error:
        shortened(error)
        raise
    except OverflowError as error:
        raise ValueError(f"Numbers must fit into a float: {error}.") from error
