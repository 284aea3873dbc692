"""The picture that X-rays make of a rehearsal: fluoroscopy, contrast, subtraction. Numpy images, free of any window."""
