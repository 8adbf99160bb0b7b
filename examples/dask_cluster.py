"""
Rows on a Dask cluster
======================

Two processes train one model from the partitions of a Dask data frame:

    python examples/dask_cluster.py

It needs the extra ``dask``, and runs as it stands.
"""

import dask.dataframe as dd
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_contrastive.dask import DaskContrastiveNeighborsClassifier


def main():
    """Train from partitions, and predict new rows."""
    table = load_digits(as_frame=True).frame
    train, test = train_test_split(table, random_state=0)
    # Elsewhere: dd.read_parquet("rows/*.parquet").
    train = dd.from_pandas(train, npartitions=4)
    model = DaskContrastiveNeighborsClassifier(random_state=0)
    model.fit(train.drop(columns="target"), train["target"])

    test = dd.from_pandas(test, npartitions=2)
    rows = test.drop(columns="target")
    right = (model.predict(rows) == test["target"]).compute()
    print(f"Accuracy of {len(right)} new rows: {right.mean():.3f}")
    # A plain estimator, which needs no cluster.
    print(model.to_local().predict(rows.head()))


if __name__ == "__main__":
    # The processes that the cluster starts read this file, too.
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster):
        main()
