"""The command `mesh`: a vessel's wall, a label map filled with tetrahedra, or a check of a mesh that is there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshing.errors import InputError
from viewer.commands.inputs import tell_notes
from viewer.commands.options import Labels, Overwrite, Thickness, UnitsOption

if TYPE_CHECKING:
    from meshing.labels import LabelMap

EXIT_UNFIT = 1
DEFAULT_TET_COUNT = 100_000
SURFACES = (".stl", ".vtp", ".ply", ".obj")
OptionalOutput = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Folder to write to; made if it is not there. Needed to build.", show_default=False
    ),
]
Fill = Annotated[
    bool,
    typer.Option("--fill", help=f"Fill the labels themselves with tetrahedra, about {DEFAULT_TET_COUNT:,} if no size is given."),
]
EdgeLength = Annotated[
    float | None, typer.Option("--edge-length", metavar="MM", help="Fill, with edges of this mean length.", show_default=False)
]
TetCount = Annotated[
    int | None, typer.Option("--tets", metavar="COUNT", help="Fill, with about so many tetrahedra.", show_default=False)
]
Sizes = Annotated[
    list[str] | None,
    typer.Option("--size", metavar="LABEL=MM", help="Fill, with another edge length in a label; may be given again."),
]
Inside = Annotated[
    float | None,
    typer.Option(
        "--inside", metavar="MM", help="Fill, with edges that grow to this length away from interfaces.", show_default=False
    ),
]
Engine = Annotated[
    str,
    typer.Option("--engine", metavar="NAME", help="For a closed surface: lattice, or ftetwild (slow, keeps to the triangles)."),
]
Refine = Annotated[bool, typer.Option("--refine", help="Fill, finer where labels are small or thin, so that they come through.")]


def mesh(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Label map, closed surface (.stl .vtp .ply .obj), or an embedded case such as iliac; "
            "with --check, a mesh (.vtu .vtk .msh .inp .mesh).",
        ),
    ],
    output: OptionalOutput = None,
    check: Annotated[
        bool, typer.Option("--check", help="Build nothing: say how good the mesh INPUT is; exit status 1 where it is unfit.")
    ] = False,
    label: Labels = None,
    fill: Fill = False,
    edge_length: EdgeLength = None,
    tets: TetCount = None,
    size: Sizes = None,
    inside: Inside = None,
    refine: Refine = False,
    engine: Engine = "lattice",
    units: UnitsOption = None,
    thickness: Thickness = None,
    overwrite: Overwrite = False,
) -> None:
    """Build a vessel's wall in tetrahedra, fill the labels of a map with them, or check a mesh that is there.

    A vessel's wall: wall.vtu, lumen.vtp and centreline.vtp, which ParaView, 3D Slicer and meshio read.

    With --fill or a size, or where a map holds several labels and none is named, the labels are filled with tetrahedra that
    share their faces across tissues; with a size, the inside of a closed surface is too. Written are mesh.vtu, pictures of it,
    how good and how faithful it is, and whence it comes.

    With --check, a mesh of any program is measured, and with --output written as mesh.vtu in mm, with pictures of it.

    Examples:

      [cyan]vesalius mesh patient_seg.nii.gz --label aorta -o patient-mesh[/]

      [cyan]vesalius mesh carotid.stl --units mm --thickness 0.7 -o carotid-mesh[/]

      [cyan]vesalius mesh organs.nii.gz --edge-length 4 --size liver=8 --refine -o organs[/]

      [cyan]vesalius mesh --check heart.vtu[/]
    """
    if check:
        _check(Path(source), output, units=units and units.value, overwrite=overwrite)
        return
    if output is None:
        raise InputError("The folder to write to is missing. Name it with --output, as in -o patient-mesh.")
    is_sized = refine or size or any(number is not None for number in (edge_length, tets, inside))
    labels = _unnamed_labels(Path(source), label)
    if fill or is_sized or (labels and len(labels.voxel_counts) > 1):
        if edge_length is None and tets is None:
            tets = DEFAULT_TET_COUNT
        if Path(source).suffix.lower() in SURFACES:
            if edge_length is None or refine or size or inside is not None or label:
                raise InputError("The inside of a surface is filled with edges of one length; give it with --edge-length alone.")
            choices: dict[str, Any] = {"edge_length": edge_length, "engine": engine}
            _fill(Path(source), output, overwrite=overwrite, choices=choices, units=units and units.value)
            return
        choices = {"edge_length": edge_length, "tet_count": tets, "sizes": _sizes(size or []), "inside_edge_length": inside}
        choices |= {"refine": refine, "keep": label}
        _fill(Path(source), output, overwrite=overwrite, choices=choices, units=None, labels=labels)
        return
    _build_wall(source, output, label=label, units=units and units.value, thickness=thickness, overwrite=overwrite)


def _unnamed_labels(source: Path, label: list[str] | None) -> "LabelMap | None":
    """A map of which no label was named as the vessel; where it holds several, all of them are filled."""
    from meshing.labels import read_labels

    if label or not source.is_file() or source.suffix.lower() in SURFACES:
        return None
    return read_labels(source)


def _build_wall(
    source: str, output: Path, *, label: list[str] | None, units: str | None, thickness: float | None, overwrite: bool
) -> None:
    """Build a vessel's wall and write it with its lumen and centreline."""
    from rich.console import Console

    from meshing.files import write_mesh
    from meshing.quality import assess
    from scenarios.plan import plan_wall
    from viewer.commands.progress import progress_of
    from viewer.exports import write_centreline, write_lumen
    from viewer.results import prepare_folder

    console = Console()
    prepare_folder(output, overwrite=overwrite)
    with progress_of("Wall", console) as progress:
        lumen, wall = plan_wall(source, labels=tuple(label or ()), units=units, thickness_mm=thickness, progress=progress)
    write_mesh(wall, output / "wall.vtu")
    write_lumen(lumen, output / "lumen.vtp")
    write_centreline(lumen.centreline, output / "centreline.vtp")
    for sentence in assess(wall).sentences():
        console.print(sentence, markup=False, highlight=False)
    tell_notes(console, tuple(dict.fromkeys((*lumen.notes, *wall.notes))))
    console.print(f"Written to {output}.", markup=False, highlight=False, soft_wrap=True)


def _sizes(words: list[str]) -> dict[str, float]:
    """Edge lengths by label from words such as liver=8."""
    sizes = {}
    for word in words:
        label, _, number = word.rpartition("=")
        try:
            sizes[label] = float(number)
        except ValueError:
            label = ""
        if not label:
            raise InputError(f'--size takes a label and its edge length in mm, as in "liver=8"; "{word}" is neither.')
    return sizes


def _fill(
    source: Path, output: Path, *, overwrite: bool, choices: dict[str, Any], units: str | None, labels: "LabelMap | None" = None
) -> None:
    """Fill a label map or a surface with tets; write the mesh, how good and faithful it is, pictures, and whence it comes."""
    from rich.console import Console

    from meshing.enclosed import fill_surface
    from meshing.fidelity import compare, text_table, verdict
    from meshing.files import write_mesh
    from meshing.labels import read_labels
    from meshing.provenance import provenance_of
    from meshing.quality import assess
    from meshing.surfaces import read_surface
    from meshing.tetrahedra import tetrahedralize
    from viewer.commands.progress import progress_of
    from viewer.mesh_pictures import picture_of_mesh, picture_of_quality
    from viewer.results import prepare_folder

    console = Console()
    surface = read_surface(source, units=units) if source.suffix.lower() in SURFACES else None
    labels = labels or (None if surface else read_labels(source))
    prepare_folder(output, overwrite=overwrite)
    with progress_of("Mesh", console) as progress:

        def tell(share: float, text: str) -> None:
            progress(0.7 * share, text)

        if labels:
            made, step = tetrahedralize(labels, **choices, progress=tell), "tetrahedralize"
        else:
            assert surface is not None
            made, step = fill_surface(surface, name=source.stem, **choices, progress=tell), "fill_surface"
        write_mesh(made, output / "mesh.vtu")
        provenance = json.dumps(provenance_of(source, labels, {step: choices}), indent=1, ensure_ascii=False)
        (output / "provenance.json").write_text(provenance, encoding="utf-8")
        progress(0.75, "measuring")
        quality = assess(made)
        keep = choices.get("keep")
        fidelity = compare(made, labels, chosen=keep and [labels.find(label) for label in keep]) if labels else ()
        table = quality.table() + (f"\n\n{text_table(fidelity)}" if fidelity else "")
        (output / "quality.txt").write_text(f"{table}\n", encoding="utf-8")
        progress(0.85, "pictures")
        picture_of_mesh(made, output / "mesh.png")
        picture_of_quality(made, output / "quality.png")
        progress(1.0, "")
    console.print(f"{table}\n", markup=False, highlight=False, soft_wrap=True)
    for sentence in (*quality.sentences(), *(verdict(fidelity) if fidelity else ())):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    tell_notes(console, made.notes)
    console.print(f"Written to {output}.", markup=False, highlight=False, soft_wrap=True)


def _check(path: Path, output: Path | None, *, units: str | None, overwrite: bool) -> None:
    """Measure a mesh and print table and verdict; leave with status 1 where it is unfit, else write what is asked for."""
    from rich.console import Console

    from meshing.files import write_mesh
    from meshing.importing import import_mesh
    from meshing.quality import assess
    from viewer.results import prepare_folder

    console = Console()
    checked = import_mesh(path, unit=units, unfit_too=True)
    quality = assess(checked)
    console.print(quality.table(), markup=False, highlight=False, soft_wrap=True)
    console.print()
    for sentence in quality.sentences():
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    tell_notes(console, checked.notes)
    if not quality.is_sound:
        raise typer.Exit(EXIT_UNFIT)
    if output is not None:
        from viewer.mesh_pictures import picture_of_mesh, picture_of_quality

        prepare_folder(output, overwrite=overwrite)
        write_mesh(checked, output / "mesh.vtu")
        picture_of_mesh(checked, output / "mesh.png")
        picture_of_quality(checked, output / "quality.png")
        console.print(f"Written to {output}.", markup=False, highlight=False, soft_wrap=True)
