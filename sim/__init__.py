"""Tissue and devices in motion: Model, State, Command and Solver, in SI units; knows no patient, no window and no file."""

import os

# Taichi greets on standard output when it is imported, which would spoil a command's own output.
os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
