"""Where the data that comes with the program lies: cases, tissues and devices."""

from pathlib import Path

from meshing.errors import InputError


def assets_folder() -> Path:
    """Give the folder of the program's data: beside this file in an installed wheel, one level up in a working copy.

    Raises:
        FileNotFoundError: the installation has lost its data.
    """
    beside = Path(__file__).resolve().parent / "assets"
    above = Path(__file__).resolve().parent.parent / "assets"
    for folder in (beside, above):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"The program's data are neither in {beside} nor in {above}; install vesalius again.")


def find_asset(name: str) -> Path:
    """Give the path of one file or folder of the program's data, such as "devices.toml" or "cases/iliac".

    Raises:
        InputError: there is no such asset; the message lists what lies beside it.
    """
    path = assets_folder() / name
    if path.exists():
        return path
    neighbours = sorted(entry.name for entry in path.parent.glob("*")) if path.parent.is_dir() else []
    raise InputError(f"There is no asset {name!r}; there is: {', '.join(neighbours) or 'nothing'}.")
