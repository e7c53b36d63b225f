"""Measurements of another store, such as one filled on another machine, taken into this one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from wndcheck.experiment.cells import SCHEMA
from wndcheck.store.files import DAMAGE
from wndcheck.store.measurements import FOLDER, Store, verified


@dataclass
class Merged:
    """What became of the files of the other store, by name."""

    copied: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)  # another process measures their cells right now
    damaged: dict[str, str] = field(default_factory=dict)  # and why


def merge(source: Path, store: Store) -> Merged:
    """Copy the measurements below `source` that `store` lacks; what it has stays, and so does the source.

    Files that cannot be trusted are left alone, and so are cells that another process holds. ValueError when `source`
    is no store of this schema, or is the store itself.
    """
    folder = folder_of(source)
    if folder.samefile(store.root):
        raise ValueError(f"{source} is the store itself: name another one, or another --wnd-store")
    merged = Merged()
    for path in sorted(folder.glob("*.npz")):
        try:
            measurement = verified(path)
        except (*DAMAGE, OSError) as error:
            merged.damaged[path.name] = str(error)
            continue
        with store.held(measurement.cell) as mine:
            if (mine and store.load(measurement.cell)) or (not mine and store.has(measurement.cell)):
                merged.there.append(path.name)
            elif not mine:
                merged.held.append(path.name)
            else:
                store.save(measurement)
                store.checkpoints.discard(measurement.cell)
                merged.copied.append(path.name)
    return merged


def folder_of(source: Path) -> Path:
    """The folder of measurements of a store: `source` itself, or the one below it. ValueError where there is none."""
    if not source.is_dir():
        raise ValueError(f"{source} is no folder: name the root of a store, or {FOLDER} in it")
    if (source / FOLDER).is_dir():
        return source / FOLDER
    if source.resolve().name == FOLDER:
        return source
    candidates = [source, *(path for path in source.iterdir() if path.is_dir())]
    if schemas := sorted(int(found[1]) for path in candidates if (found := re.fullmatch(r"v(\d+)", path.name))):
        raise ValueError(
            f"{source} holds measurements of schema {', '.join(map(str, schemas))} alone, and this wndcheck reads "
            f"schema {SCHEMA}: " + newer_or_older(schemas)
        )
    raise ValueError(f"{source} is no store: expected a folder {FOLDER} in it")


def newer_or_older(schemas: list[int]) -> str:
    if max(schemas) > SCHEMA:
        return "merge them with the newer wndcheck that made them"
    return "what they say is of an older one, so measure those cells again with `wndcheck measure`"
