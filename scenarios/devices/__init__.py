"""What goes into the patient: stents on their balloons."""
