"""The service of the examples: what it answers, and no row that breaks it."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    persistence,
)

RNG = np.random.RandomState(0)
X = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["length", "width"])
X["colour"], X["old"] = RNG.choice(["red", "blue"], 60), RNG.choice([True, False], 60)
ROWS = X.to_dict("records")


@pytest.fixture(scope="module")
def model():
    short = ContrastiveEmbedding(hidden_layer_sizes=(8,), max_iter=2, random_state=0)
    model = ContrastiveNeighborsClassifier(short, cross_fit=2, random_state=0)
    return model.fit(X, np.array(["no", "yes"])[(X["length"] > 0).astype(int)])


@pytest.fixture(scope="module")
def client(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "a.model"
    persistence.save(model, path)
    # The system chooses a free port, and uvicorn tells which when it is ready.
    command = [sys.executable, "-m", "uvicorn", "examples.serve:app"]
    command += ["--host", "127.0.0.1", "--port", "0", "--no-access-log"]
    server = subprocess.Popen(
        command,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "MODEL": str(path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = ""
        while "running on" not in told:
            line = server.stderr.readline()
            assert line, told
            told += line
        url = re.search(r"running on (http://127\.0\.0\.1:\d+)", told)[1]
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.terminate()
        try:
            server.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def test_good_rows(client, model):
    answer = client.post("/rows", json=ROWS)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"answers": model.predict(X).tolist()}
    turned = [dict(reversed(row.items())) for row in ROWS[:3]]
    assert client.post("/rows", json=turned).json()["answers"] == [
        *model.predict(X[:3])
    ]


@pytest.mark.parametrize(
    "cells", [{"colour": "green"}, {"colour": None}, {"width": None}, {"old": None}]
)
def test_unseen_levels_and_missing_cells_are_answered(client, model, cells):
    answer = client.post("/rows", json=[{**ROWS[0], **cells}])
    assert answer.status_code == 200, answer.text
    assert answer.json()["answers"] == [*model.predict(X[:1].assign(**cells))]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([{k: ROWS[0][k] for k in ("length", "colour", "old")}], "width"),
        ([{**ROWS[0], "more": 1}], "more"),
        ([{**ROWS[0], "length": "long"}], "`X` must be numeric"),
        ([{**ROWS[0], "length": "\ud800"}], "`X` must be numeric"),
        ([{**ROWS[0], "length": 10**400}], "`X` must"),
        ([{**ROWS[0], "colour": 3}], "`X` must hold what it held in `fit`"),
        ([{**ROWS[0], "length": float("inf")}], "`X` must"),
        ([], "0 sample"),
        ([*ROWS[:2], {}], "Row 2: missing or unknown are ['colour', "),
        ({"rows": ROWS}, "must be a list of rows"),
        ([{**ROWS[0], "length": [float("nan")]}], "must be a list of rows"),
    ],
)
def test_bad_rows_are_told_what_is_wrong(client, body, message):
    # httpx refuses NaN, which other clients send.
    headers = {"content-type": "application/json"}
    answer = client.post("/rows", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


def test_many_rows_and_eight_clients_at_once(client, model):
    many = X.sample(10_000, replace=True, random_state=0)
    answer = client.post("/rows", json=many.to_dict("records"))
    assert answer.json()["answers"] == model.predict(many).tolist()
    parts = np.array_split(np.arange(60), 8)
    with ThreadPoolExecutor(8) as pool:
        bodies = ([ROWS[i] for i in part] for part in parts)
        answers = [*pool.map(lambda rows: client.post("/rows", json=rows), bodies)]
    found = [label for answer in answers for label in answer.json()["answers"]]
    assert found == model.predict(X).tolist()
