"""Procedures: patients, tools, tasks and measures. Knows no window and no kernel."""
