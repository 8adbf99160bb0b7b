"""The loop: batches, terms, early stopping, optimizer, rows on a device."""
