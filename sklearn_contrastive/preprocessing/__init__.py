"""The preparation of columns for the encoder."""
