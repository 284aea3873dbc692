"""PNG files that a person names."""

from pathlib import Path

from meshing.errors import InputError


def require_png(path: Path) -> None:
    """Refuse another suffix, before anything is drawn.

    Raises
    ------
    InputError
        If the name does not end in .png.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"The picture {path} does not end in .png; give a name that does.")
