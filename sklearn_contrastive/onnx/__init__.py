"""Fitted estimators as ONNX graphs, from the columns of a table to points or labels.

Importing this module registers the estimators with skl2onnx, so that pipelines which
contain them can be converted. See the user guide for what a graph holds.
"""

from sklearn_contrastive.onnx._converters import register, to_onnx

__all__ = ["to_onnx"]

register()
