"""Clinical figures, each with its definition and source: pure functions of arrays and sections."""
