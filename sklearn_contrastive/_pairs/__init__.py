"""Pairs of points and their gradients: keys, tiles, springs, lists, neighbours."""
