"""Solvers of one Model: each advances a State by one tick."""
