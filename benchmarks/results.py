"""RESULTS.md: one section for each benchmark, each rewritten by its own command while the others stay as they are."""

import datetime
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FILE = Path(__file__).resolve().parent / "RESULTS.md"


def write_section(title: str, text: str, *, file: Path = FILE) -> None:
    """Put a section "# title" with this text into the file, in the place of the one of that title or at the end."""
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    sections = [part.strip() for part in re.split(r"^(?=# )", before, flags=re.MULTILINE) if part.strip()]
    heading = f"# {title}"
    written = f"{heading}\n\n{text.strip()}"
    places = [place for place, part in enumerate(sections) if part.splitlines()[0].strip() == heading]
    if places:
        sections[places[0]] = written
    else:
        sections.append(written)
    file.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def machine(*packages: str, backend: str | None = None) -> list[str]:
    """What it ran on, and when, as lines of Markdown; a package that is not installed is said to be so."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":", 1)[1].strip() for line in information.read_text().splitlines() if line.startswith("model name")]
        processor = names[0] if names else processor
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return [
        f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"- processor: {processor}, {os.cpu_count()} cores" + (f", backend {backend}" if backend else ""),
        f"- load average when it began (1, 5, 15 min): {load}; wall-clock times count only on a quiet machine",
        f"- {platform.system()}, Python {platform.python_version()}, {', '.join(map(_versioned, packages))}; "
        f"OMP_NUM_THREADS {threads}",
    ]


def _versioned(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"
