"""The command that tells what is in a segmentation: `labels`."""

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


def tell_notes(console: Any, notes: tuple[str, ...]) -> None:
    """Print what a person should know of how the input was understood, a line each."""
    for note in notes:
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
