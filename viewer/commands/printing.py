"""The command that prints a report: `report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a rehearsal, a passage or a study with its report.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.pdf", help="PDF to write.", show_default=False)],
) -> None:
    """Print the report of a rehearsal, a passage or a study as PDF.

    Needs the extra [cyan]pdf[/] (pip install 'vesalius[pdf]').

    Example:  [cyan]vesalius report demo -o demo.pdf[/]
    """
    from meshing.errors import InputError
    from viewer.pdf import write_pdf

    if output.suffix.lower() != ".pdf":
        raise InputError(f"The report {output} does not end in .pdf; give a name that does.")
    page = folder / "report.html"
    if not page.is_file():
        raise InputError(f"The folder {folder} holds no report.html; name one that a rehearsal, a passage or a study wrote.")
    typer.echo(f"PDF: {write_pdf(page, output)}")
