"""Slices: the patient's image or label map cut in planes, with the outline of the vessel and of what lies in it over it."""
