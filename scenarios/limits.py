"""The sentence that every report, picture, window and export carries."""

LIMITS_OF_USE = "Research and education only. Not for clinical decisions."
