"""What several benchmarks share: the data, the options, the peers and the reports."""
