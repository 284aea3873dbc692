"""Tests: the same four folders as the program, laws of physics, and floors."""
