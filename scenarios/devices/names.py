"""Names of devices as people write them: what they mean, and which of those there are is meant."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar


class Size(NamedTuple):
    """A family's name as a word, empty where only the size is named, with diameter and length [mm]."""

    family: str
    diameter: float
    length: float


class Sized(Protocol):
    """What has a name, a family and a size."""

    @property
    def name(self) -> str:
        """Its whole name."""
        ...

    @property
    def family(self) -> str:
        """Its family's name."""
        ...

    @property
    def diameter_mm(self) -> float:
        """Its nominal diameter [mm]."""
        ...

    @property
    def length_mm(self) -> float:
        """Its labelled length [mm]."""
        ...


AnySized = TypeVar("AnySized", bound=Sized)


def wire_word(name: str) -> str:
    """A wire's name without case, hyphens and the words of its unit: "0.035 in" and "0.035", "6 French" and "6F" are one."""
    word = re.sub(r"(\d)\s*(?:french|fr|f)\b", r"\1f", plain_word(name))
    word = re.sub(r"(?<![\d.])\.(\d)", r"0.\1", word)
    return re.sub(r"(\d)\s*(?:inches|inch|in|\")(?=\s|$)", r"\1", word)


def first_of_nearest_families(word: str, firsts: Mapping[str, str]) -> list[str]:
    """The first name of each of the families, at most four, that hold the word or else are written much like it."""
    families_by_word = {wire_word(family): family for family in reversed(list(firsts))}
    held = [family for family in families_by_word if word and word in family]
    near = held or difflib.get_close_matches(re.sub(r"\s\S*\d\S*", "", word), families_by_word, n=4, cutoff=0.4)
    return [firsts[families_by_word[family]] for family in (near or list(families_by_word))[:4]]


def size_of(name: str) -> Size | None:
    """The size that a name tells, as in "balloon-expandable 8x30"; None where it tells none."""
    match = re.fullmatch(r"(.*?)\s*(\d+(?:\.\d+)?)\s*(?:mm)?\s*[x×*]\s*(\d+(?:\.\d+)?)\s*(?:mm)?", name.strip(), re.IGNORECASE)
    return Size(plain_word(match[1]), float(match[2]), float(match[3])) if match else None


def plain_word(name: str) -> str:
    """A name without case, hyphens and doubled spaces."""
    return " ".join(name.casefold().replace("-", " ").replace("_", " ").split())


def of_name(name: str, chosen: Sequence[AnySized]) -> AnySized | None:
    """The first of a family's name and size, or of the size where only that is named; None where there is none."""
    size = size_of(name)
    if size is None:
        return None
    for one in chosen:
        same = math.isclose(one.diameter_mm, size.diameter) and math.isclose(one.length_mm, size.length)
        if same and size.family in ("", plain_word(one.family)):
            return one
    return None


def nearest_names(name: str, chosen: Sequence[Sized]) -> list[str]:
    """Names of at most four, those whose family and size are nearest to the one that is written."""
    size = size_of(name)
    known = {plain_word(device.family): device.family for device in chosen}
    if size is None:
        near = difflib.get_close_matches(plain_word(name), known, n=1, cutoff=0.5)
        group = [device for device in chosen if not near or plain_word(device.family) == near[0]]
        per_family = {device.family: device for device in reversed(group)}
        return [device.name for device in reversed(per_family.values())] if not near else [device.name for device in group[:4]]
    near = difflib.get_close_matches(size.family, known, n=1, cutoff=0.5)
    group = [device for device in chosen if not near or plain_word(device.family) == near[0]]
    ordered = sorted(
        group,
        key=lambda device: (
            abs(device.diameter_mm - size.diameter) / size.diameter + 0.3 * abs(device.length_mm - size.length) / size.length
        ),
    )
    return [device.name for device in ordered[:4]]
