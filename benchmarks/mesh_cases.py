"""The label maps that meshers are compared on: anatomy from the shared data, two phantoms with exact distances, a tissue map."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meshing.labels import LabelMap, read_labels
from meshing.shapes import NestedSpheres, StenosedTube

Phantom = NestedSpheres | StenosedTube


class Absent(Exception):
    """The data or the package of a case are not on this machine; the message says which."""


@dataclass(frozen=True, kw_only=True)
class MeshCase:
    """One map and what is asked of the mesher.

    load: makes the map, or raises Absent; options: arguments of `tetrahedralize` besides the map
    phantom: the formula behind the map, where there is one; peer: whether the peer is run too; quick: part of --quick
    """

    name: str
    load: Callable[[], LabelMap]
    options: Mapping[str, Any] = field(default_factory=dict)
    phantom: Phantom | None = None
    peer: bool = False
    quick: bool = False


def data_root() -> Path:
    """The folder of real data: the environment variable VESALIUS_SHARED_DATA, or shared/data beside the repository."""
    return Path(os.environ.get("VESALIUS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def shared_map(relative: str) -> LabelMap:
    """A label map of the shared data; raises Absent where it is not there."""
    path = data_root() / relative
    if not path.is_file():
        raise Absent(f"{relative} is not in {data_root()} (set VESALIUS_SHARED_DATA)")
    return read_labels(path)


def without(labels: LabelMap, *numbers: int) -> LabelMap:
    """The map with some labels made background and cropped to what is left."""
    voxels = np.where(np.isin(labels.voxels, numbers), 0, labels.voxels).astype(labels.voxels.dtype)
    left = LabelMap(voxels, labels.affine, labels.names, labels.codes, labels.source, labels.notes)
    return left.crop(sorted(left.voxel_counts), margin_mm=float(2.0 * labels.spacing.max()))


def brain_tissues() -> LabelMap:
    """Grey matter 1, white matter 2 and the rest of the brain 3 of the MNI152 template at 2 mm; raises Absent without nilearn."""
    try:
        from nilearn import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise Absent("nilearn is not installed (it is in the extra `bench`)") from error
    mask = datasets.load_mni152_brain_mask(resolution=2)
    grey, white = datasets.load_mni152_gm_template(resolution=2), datasets.load_mni152_wm_template(resolution=2)
    inside = np.asarray(mask.dataobj) > 0
    share = [np.asarray(image.dataobj, dtype=float) for image in (grey, white)]
    voxels = np.where(inside, 3, 0)
    voxels[inside & (share[0] >= share[1]) & (share[0] > 0.5)] = 1
    voxels[inside & (share[1] > share[0]) & (share[1] > 0.5)] = 2
    names = {1: "grey matter", 2: "white matter", 3: "rest of the brain"}
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(mask.affine, dtype=float)
    return LabelMap(voxels.astype(np.uint8), lps, names, {}, "MNI152 at 2 mm")


def abdomen() -> LabelMap:
    """All labels of a CT of the abdomen at 3 mm."""
    return shared_map("abdomen_ct/labels.nii.gz")


def liver() -> LabelMap:
    """Liver, kidney and gallbladder at 0.6 × 0.6 × 1.3 mm; the two stray voxels of label 84 are left out."""
    return without(shared_map("liver_ct/labels.nii.gz"), 84)


SPHERES, TUBE = NestedSpheres(), StenosedTube()

CASES = (
    MeshCase(
        name="sphere in sphere", load=SPHERES.label_map, options={"tet_count": 54_000}, phantom=SPHERES, peer=True, quick=True
    ),
    MeshCase(name="tube, 50 % stenosis", load=TUBE.label_map, options={"tet_count": 94_000}, phantom=TUBE, peer=True, quick=True),
    MeshCase(
        name="tube, 50 % stenosis, refined", load=TUBE.label_map, options={"tet_count": 30_000, "refine": True}, phantom=TUBE
    ),
    MeshCase(name="abdomen, 100k", load=abdomen, options={"tet_count": 100_000}, quick=True),
    MeshCase(name="abdomen, 200k", load=abdomen, options={"tet_count": 200_000}, peer=True),
    MeshCase(name="abdomen, 100k, refined", load=abdomen, options={"tet_count": 100_000, "refine": True}),
    MeshCase(name="abdomen, 200k, refined", load=abdomen, options={"tet_count": 200_000, "refine": True}),
    MeshCase(name="liver, kidney, gallbladder", load=liver, options={"tet_count": 200_000}, peer=True),
    MeshCase(name="brain tissues", load=brain_tissues, options={"tet_count": 200_000}, peer=True),
    MeshCase(name="brain tissues, grey matter finer", load=brain_tissues, options={"tet_count": 200_000, "sizes": {1: 2.5}}),
)

# Voxels and edges halve together: what is left of the distance is the mesher's, not the voxels'.
HALVINGS = (
    MeshCase(name="halving 1", load=lambda: SPHERES.label_map(spacing_mm=2.0), options={"edge_length": 3.0}, phantom=SPHERES),
    MeshCase(name="halving 2", load=lambda: SPHERES.label_map(spacing_mm=1.0), options={"edge_length": 1.5}, phantom=SPHERES),
    MeshCase(name="halving 3", load=lambda: SPHERES.label_map(spacing_mm=0.5), options={"edge_length": 0.75}, phantom=SPHERES),
)
