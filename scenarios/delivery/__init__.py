"""Delivery: stents and balloons brought to the lesion on a catheter over a wire, opened there, and the rest drawn back."""
