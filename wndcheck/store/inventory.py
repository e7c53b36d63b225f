"""List the contents of a store; copy the measurements of another one; export them for others to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import PROFILES, Profile
from wndcheck.experiment.record_schema import Measurement
from wndcheck.seeds import SEEDS_PER_BASE
from wndcheck.store.files import DAMAGE, read_notes
from wndcheck.store.measurements import FOLDER, READ_ONLY, Store, folder_of, measured_in, verified


def listed(store: Store) -> Iterator[tuple[str, bool]]:
    """One line per measured cell, file put aside and half-trained stack; one for other versions, and one for kept nets.

    Each comes with whether its file can be trusted.
    """
    for path in store.measured():
        try:
            yield measured_line(verified(path)), True
        except (*DAMAGE, OSError) as error:
            yield f"{path.name} {problem(error)}", False
    for path in sorted(store.root.glob("*.damaged")):
        advice = "its cell has been measured again: delete it"
        if not path.with_suffix(".npz").exists():
            advice = "measure its cell again with `wndcheck measure`, then delete it"
        yield f"{path.name} was damaged and put aside; {advice}", True
    if others := len(set(store.root.glob("*.npz")).difference(store.measured())):
        yield f"{others} measured under another version of the record, which this wndcheck does not read", True
    if kept := list(store.weights.folder.glob("*.safetensors")):
        size = sum(path.stat().st_size for path in kept) / 1e9
        yield f"{len(kept)} file{'s' * (len(kept) > 1)} of kept nets, {size:.3g} GB", True
    for path in sorted(store.checkpoints.folder.glob("*.safetensors")):
        try:
            yield half_trained_line(path), True
        except (*DAMAGE, OSError) as error:
            yield f"checkpoint {path.name} {problem(error)}", False


def problem(error: Exception) -> str:
    """Why a file is not used. An OSError is not damage: the file may be whole."""
    return f"cannot be read: {error.strerror or error}" if isinstance(error, OSError) else f"is damaged: {error}"


def measured_line(measurement: Measurement) -> str:
    """Time of the measurement, seconds with training, label of the cell, and device."""
    provenance = measurement.provenance
    spent = provenance.get("seconds")
    seconds = f"{sum(spent.values()):.0f} s" if isinstance(spent, dict) else "?"
    return f"{provenance.get('made', '?')}  {seconds:>8}  {measurement.cell.label}  ({provenance.get('device', '?')})"


def half_trained_line(path: Path) -> str:
    """The cell of a checkpoint, if a profile has it, the epochs done, and its nets."""
    key, first, count = path.stem.rsplit("-", 2)
    epochs = read_notes(path)["epochs"]
    cell = cell_of(key, int(first) // SEEDS_PER_BASE)
    name, of = (cell.label, f" of {cell.protocol.stages[-1]}") if cell else (f"cell {key}", "")
    return f"half trained: {name}: {epochs}{of} epochs of {count} nets from seed {first}"


def cell_of(key: str, base_seed: int) -> Cell | None:
    """The cell of that key in any profile."""
    parts = (part for profile in PROFILES.values() for part in families.parts(profile, base_seed).values())
    return next((cell for cells in parts for cell in cells if cell.key == key), None)


# --- merging ----------------------------------------------------------------------------------------------------------


@dataclass
class Merged:
    """The files of the other store, by name and by what was done with them."""

    copied: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)  # another process measures their cells right now
    damaged: dict[str, str] = field(default_factory=dict)  # and why
    unreadable: dict[str, str] = field(default_factory=dict)  # and why


def merge(source: Path, store: Store) -> Merged:
    """Copy the measurements below `source` that `store` lacks; what it has stays, and so does the source.

    Files that are damaged or unreadable are left as they are, and so are cells that another process has locked. Records
    of other versions are not copied. ValueError when `source` is not a store of nets of this version, or is the store
    itself.
    """
    folder = folder_of(source)
    if folder.samefile(store.root):
        raise ValueError(f"{source} is the store itself: name another one, or another --wnd-store")
    merged = Merged()
    for path in measured_in(folder):
        try:
            measurement = verified(path)
        except DAMAGE as error:
            merged.damaged[path.name] = problem(error)
            continue
        except OSError as error:
            merged.unreadable[path.name] = problem(error)
            continue
        with store.locked(measurement.cell) as has_lock:
            if store.load(measurement.cell) if has_lock else store.has(measurement.cell):
                merged.there.append(path.name)
            elif not has_lock:
                merged.locked.append(path.name)
            else:
                store.save(measurement)
                store.checkpoints.discard(measurement.cell)
                merged.copied.append(path.name)
    return merged


# --- committed stores -------------------------------------------------------------------------------------------------

NOTE = """\
Measured cells of profile {profile}, base seed {seed}, from `wndcheck store export`. A store with this file is only
read: nothing is trained to fill it. To decide the claims from it, with the name of this folder:

pytest claims/ -n auto --wnd-profile={profile} --wnd-seed={seed} --wnd-store=FOLDER
"""


def export(store: Store, profile: Profile, base_seed: int, folder: Path) -> tuple[list[Path], list[Cell]]:
    """Copy a profile's measurements to a folder, which then is a store that is only read, to be committed.

    Returns the copies, and the cells of which the store has no sound measurement. Measurements there of other cells, or
    of other versions, are removed. ValueError if the folder is the store itself, OSError if it cannot be written.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    if target.samefile(store.root):
        raise ValueError(f"{folder} is the store itself: name another folder")
    cells = dict.fromkeys(cell for part in families.parts(profile, base_seed).values() for cell in part)
    measured = {cell: target / store.path(cell).name for cell in cells if store.load(cell)}
    for path in set(folder.glob("v*/*.npz")).difference(measured.values()):
        path.unlink()
    for cell, path in measured.items():
        copyfile(store.path(cell), path)
    (folder / READ_ONLY).write_text(NOTE.format(profile=profile.name, seed=base_seed), encoding="utf-8")
    return list(measured.values()), [cell for cell in cells if cell not in measured]


def provenance_of(measurements: Iterable[Measurement]) -> str:
    """When, on what and with which versions they were made: ``2026-11-29, x86_64, torch 2.15.0, numpy 2.4.6``."""
    notes = [measurement.provenance for measurement in measurements]
    days = sorted(str(note.get("made", "?"))[:10] for note in notes)
    texts = [" to ".join(dict.fromkeys((days[0], days[-1])))] if days else []
    texts += [str(note.get("device", "?")) for note in notes]
    versions = [found for note in notes if isinstance(found := note.get("versions"), dict)]
    texts += [f"{name} {version}" for each in versions for name, version in each.items()]
    return ", ".join(dict.fromkeys(texts))
