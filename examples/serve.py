"""
A service
=========

Answers rows by a model that `persistence.save` has written, without torch:

    MODEL=wine.model uvicorn examples.serve:app

A row is an object of all column names and their cells; one that is null is missing.
"""

import os

import pandas as pd
from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from sklearn_contrastive import persistence

app = FastAPI()
model = persistence.load(os.environ["MODEL"])
names = [*model.feature_names_in_]  # It was fitted to a data frame.
answer = model.predict if hasattr(model, "predict") else model.transform
SHAPE = "The body must be a list of rows: objects of numbers, text, bools and nulls."


@app.post("/rows")
def rows(rows: list[dict[str, bool | int | float | str | None]]) -> dict[str, list]:
    """Return a prediction for each row, or its point."""
    for number, row in enumerate(rows):
        if wrong := sorted({*row} ^ {*names}):
            raise HTTPException(422, f"Row {number}: missing or unknown are {wrong}.")
    # Of objects: what a cell is, is for the model to say. JSON has no order of columns.
    table = pd.DataFrame(rows, columns=names, dtype=object)
    try:
        return {"answers": answer(table).tolist()}
    except (TypeError, ValueError) as error:
        # Text of a row that UTF-8 does not hold is part of the message.
        detail = str(error).encode(errors="replace").decode()
        raise HTTPException(422, detail) from error


@app.exception_handler(RequestValidationError)
def malformed(request, error):
    """Answer what is no list of rows."""
    return JSONResponse({"detail": SHAPE}, status_code=422)
