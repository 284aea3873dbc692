"""Commands that tell what is there: `labels`, `devices`."""

from pathlib import Path
from typing import Annotated, Any

import typer


def labels(
    file: Annotated[Path, typer.Argument(help="Label map: .nii(.gz), .nrrd, .seg.nrrd, .mha, .mhd or DICOM-SEG.")],
) -> None:
    """List the labels of a segmentation, with their volumes.

    Example:  [cyan]vesalius labels patient_seg.nii.gz[/]
    """
    from rich.console import Console
    from rich.table import Table

    from meshing.labels import read_labels

    label_map = read_labels(file)
    spacing = " × ".join(f"{value:.3g}" for value in label_map.spacing)
    size = " × ".join(str(count) for count in label_map.voxels.shape)
    table = Table(title=f"{file.name}: {size} voxels of {spacing} mm", title_justify="left")
    found = label_map.labels()
    coded = any(label.code for label in found)
    for name in ("number", "name", *(["code"] if coded else []), "volume in ml", "pieces"):
        table.add_column(name, justify="left" if name in ("name", "code") else "right")
    for label in found:
        code = f"{label.code.scheme} {label.code.value} {label.code.meaning}" if label.code else ""
        table.add_row(
            str(label.number), label.name, *([code] if coded else []), f"{label.volume_ml:,.2f}", str(label.piece_count)
        )
    console = Console()
    console.print(table)
    tell_notes(console, label_map.notes)


def devices() -> None:
    """List the devices that can be rehearsed.

    Name one to [cyan]vesalius rehearse … --device NAME[/]; without a name, the size nearest to the vessel is taken, and said.
    """
    from rich.console import Console
    from rich.table import Table

    from scenarios import catalogue

    console = Console()
    for family, members in catalogue.families().items():
        first = members[0]
        table = Table(
            title=f"{family}: {first.description}", title_justify="left", caption=f"Vessels: {first.vessel}", min_width=60
        )
        for column in ("diameter in mm", "nominal atm", "rated burst atm"):
            table.add_column(column, justify="right")
        table.add_column("lengths in mm")
        by_diameter: dict[tuple[float, float, float], list[str]] = {}
        for device in members:
            balloon = device.balloon
            key = (device.stent.diameter_mm, balloon.nominal_pressure_atm, balloon.rated_burst_pressure_atm)
            by_diameter.setdefault(key, []).append(f"{device.stent.length_mm:g}")
        for key, lengths in by_diameter.items():
            table.add_row(*(f"{value:g}" for value in key), "  ".join(lengths))
        console.print(table)
        console.print(f'For example: --device "{first.name}"\n', highlight=False)


def tell_notes(console: Any, notes: tuple[str, ...]) -> None:
    """Print what a person should know of how the input was understood, a line each."""
    for note in notes:
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
