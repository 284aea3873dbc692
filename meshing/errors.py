"""What a person is told when an input cannot be used."""


class InputError(ValueError):
    """A bad input, told in one sentence: what is wrong, which one, its value and what to do."""
