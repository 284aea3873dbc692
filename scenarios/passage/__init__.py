"""A passage: wires and catheters pushed through a patient's vessel by a hand or a script."""

