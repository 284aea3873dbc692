"""Constitutive laws, one a file: energy, stress, stiffness, their parameters and their source."""
