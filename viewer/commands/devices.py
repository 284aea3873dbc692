"""The command `devices`: what is in the catalogue, and every number of one device with where it comes from."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from viewer.commands.plainly import PlainCommand

PRESSURES = ("diameter in mm", "nominal atm", "rated burst atm")


class Kind(str, Enum):
    """What a device may be."""

    STENT = "stent"
    BALLOON = "balloon"
    GUIDEWIRE = "guidewire"
    CATHETER = "catheter"
    SHEATH = "sheath"


class ListingGroup(TyperGroup):
    """A group of commands in which no command stands for listing: `vesalius devices --kind sheath`, `vesalius cases`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` where no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def list_devices(
    kind: Annotated[Kind | None, typer.Option(help="Only devices of this kind.", show_default=False)] = None,
) -> None:
    """List the devices that can be rehearsed with.

    Name a stent to [cyan]vesalius rehearse … --device NAME[/]; without a name, the size nearest to the vessel is taken, and said.

    Example:  [cyan]vesalius devices --kind guidewire[/]
    """
    from rich.console import Console

    from scenarios import catalogue

    console = Console()
    for one in catalogue.KINDS:
        if kind is not None and one != kind.value:
            continue
        if one == "stent":
            _list_stents(console)
        elif one == "balloon":
            _list_balloons(console)
        else:
            _list_wires(console, one)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a device in [cyan]vesalius devices[/].")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Also draw the device into this file.", show_default=False),
    ] = None,
) -> None:
    """Show every number of a device with its range and its source, and draw it.

    A stent is drawn crimped, in its sheath if it has one, and open; a balloon with its chart; a wire, catheter or sheath as it
    lies when nothing holds it, with its stiffness along it.

    Examples:

      [cyan]vesalius devices show "balloon-expandable 8x30" -o stent.png[/]

      [cyan]vesalius devices show "Amplatz super stiff 0.035 J" -o wire.png[/]
    """
    from rich.console import Console
    from rich.table import Table

    from scenarios import catalogue
    from scenarios.limits import LIMITS_OF_USE
    from viewer.png_files import require_png

    if output is not None:
        require_png(output)
    device = catalogue.find_any(name)
    console, entries = Console(), catalogue.data_sheet(device)
    table = Table(title=f"{device.name}: {device.description}", title_justify="left", caption=LIMITS_OF_USE)
    numbers = {source: number for number, source in enumerate(dict.fromkeys(entry.source for entry in entries), 1)}
    for column in ("number", "value", "unit", "range", "tag", "source"):
        table.add_column(column, justify="right" if column in ("value", "source") else "left")
    for entry in entries:
        table.add_row(entry.label, entry.text, entry.unit, entry.range_text, entry.tag, str(numbers[entry.source]))
    console.print(table)
    for source, number in numbers.items():
        console.print(f"{number}  {source}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        "V read in its source; C worked out from such numbers or those named; M from memory, not checked: replace it.",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if output is not None:
        from viewer.device_pictures import picture_of_device

        typer.echo(f"Picture: {picture_of_device(device, output)}")


def _list_stents(console: Any) -> None:
    from scenarios import catalogue

    for family, members in catalogue.families().items():
        first = members[0]
        title, example = f"{family}: {first.description}", f'--device "{first.name}"'
        if first.is_self_expanding:
            columns = ("diameter in mm where free", "sheath French", "sheath bore in mm")
            rows = [((one.stent.diameter_mm, one.sheath.french, one.sheath.bore_mm), one.stent.length_mm) for one in members]
        else:
            columns = PRESSURES
            rows = [(_pressures(one.stent.diameter_mm, one.balloon), one.stent.length_mm) for one in members]
        _list_sizes(console, title, first.vessel, columns, rows, example)


def _list_balloons(console: Any) -> None:
    from scenarios import catalogue

    for family in dict.fromkeys(one.family for one in catalogue.balloons()):
        members = [one for one in catalogue.balloons() if one.family == family]
        first = members[0]
        rows = [(_pressures(one.diameter_mm, one.balloon), one.length_mm) for one in members]
        _list_sizes(console, f"{family}: {first.description}", first.vessel, PRESSURES, rows, f'--predilate "{first.name}"')


def _pressures(diameter_mm: float, balloon: Any) -> tuple[float, float, float]:
    return diameter_mm, balloon.nominal_pressure_atm, balloon.rated_burst_pressure_atm


def _list_sizes(
    console: Any,
    title: str,
    vessel: str,
    columns: tuple[str, ...],
    sizes: list[tuple[tuple[float, ...], float]],
    example: str,
) -> None:
    """One table of a family's sizes: for each the numbers of its columns, and its length [mm]."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption=f"Vessels: {vessel}", min_width=60)
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("lengths in mm")
    by_numbers: dict[tuple[float, ...], list[str]] = {}
    for numbers, length in sizes:
        by_numbers.setdefault(numbers, []).append(f"{length:g}")
    for numbers, lengths in by_numbers.items():
        table.add_row(*(f"{value:g}" for value in numbers), "  ".join(lengths))
    console.print(table)
    console.print(f"For example: {example}\n", highlight=False)


def _list_wires(console: Any, kind: str) -> None:
    """One table of all wires of a kind, with what tells them apart."""
    from rich.table import Table

    from scenarios import catalogue

    members = [wire for wire in catalogue.wires() if wire.kind == kind]
    table = Table(title=f"{kind}s", title_justify="left", min_width=60)
    table.add_column("name", no_wrap=True)
    bored = kind != "guidewire"
    for column in ("outer mm", *(["bore mm"] if bored else []), "EI N·mm²", "at tip"):
        table.add_column(column, justify="right")
    table.add_column("lengths in mm")
    for wire in members:
        widths = [f"{wire.outer_diameter_mm:.3g}", *([f"{wire.bore_mm:.3g}"] if bored else [])]
        stiffness = [f"{wire.body.proximal_stiffness:.0f}", f"{wire.segments[0].distal_stiffness:g}"]
        table.add_row(wire.name, *widths, *stiffness, "  ".join(f"{length:g}" for length in wire.lengths_mm))
    console.print(table)
    console.print(f'For example: vesalius devices show "{members[0].name}" -o {kind}.png\n', highlight=False)


devices_app = typer.Typer(
    name="devices", cls=ListingGroup, rich_markup_mode="rich",
    help="List the devices there are, or show one: its numbers, their sources, and a picture.\n\n"
    "[cyan]vesalius devices[/] lists them all, [cyan]vesalius devices --kind guidewire[/] those of a kind: "
    "stent, balloon, guidewire, catheter or sheath.",
)  # fmt: skip
for command, named in ((list_devices, "list"), (show, "show")):
    devices_app.command(name=named, cls=PlainCommand)(command)
