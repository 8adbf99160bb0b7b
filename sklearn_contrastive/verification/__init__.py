"""Verification: whether two rows are the same."""

from sklearn_contrastive.verification._verifier import PairVerifier

__all__ = ["PairVerifier"]
