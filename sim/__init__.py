"""Tissue and devices in motion, in SI units. Knows no patient, no window and no file."""
