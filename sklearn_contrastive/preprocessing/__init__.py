"""What becomes of the columns of a table before the encoder sees them."""
