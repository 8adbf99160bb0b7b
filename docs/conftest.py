"""Keep pytest to the pages that are written by hand."""

from importlib.util import find_spec

collect_ignore = ["conf.py"]
collect_ignore_glob = ["_build/*", "api/*", "gallery/*"]

if find_spec("sklearn.callback") is None:
    # The page shows callbacks, which scikit-learn has from 1.9 on.
    collect_ignore.append("user_guide/progress.rst")
