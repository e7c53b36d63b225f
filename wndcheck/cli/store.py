"""`wndcheck store list`, `wndcheck store merge` and `wndcheck store export`."""

from __future__ import annotations

from pathlib import Path

import click

from wndcheck.cli.console import FOLDER, PROFILE, STORE, print_error, print_status, with_cli_options
from wndcheck.seeds import BASE_SEED


@click.group(short_help="List, merge and export measured cells.")
def store() -> None:
    """List what the store of measured cells holds, merge stores, and export measurements to be committed.

    Exit status: that of the command; 2 if there is no command of that name.
    """


@store.command(name="list", short_help="List the measured cells and the half-trained stacks.")
@STORE
@click.pass_context
def list_(context: click.Context, root: Path | None) -> None:
    """List the measured cells, with when they were made, in how many seconds and on what, and the half-trained stacks.
    Files that were damaged and put aside are listed with what to do.

    Exit status: 0; 1 if a file is damaged or cannot be read, which is named on standard error; 2 if the command line
    is wrong or the folder is not a store of nets of this version.
    """
    from wndcheck.store.inventory import listed
    from wndcheck.store.measurements import Store

    try:
        store = Store(root, complete=True)  # only read
    except (ValueError, OSError) as error:
        raise click.UsageError(with_cli_options(error)) from None
    status = 0
    for line, trusted in listed(store):
        if trusted:
            click.echo(line)
        else:
            print_status(line)
            status = 1
    context.exit(status)


@store.command(short_help="Copy the measured cells of another store.")
@click.argument("source")
@STORE
@click.pass_context
def merge(context: click.Context, source: str, root: Path | None) -> None:
    """Copy the measured cells of another store, SOURCE, that this one lacks; each is verified first. Records of other
    versions are not copied, and neither are kept nets: copy the folder `weights` for these. SOURCE may be a URL that
    fsspec reaches, such as s3://bucket/store.

    SOURCE stays as it is, and so does what this store has. Runs that fill either store may continue.

    Exit status: 0 if every file could be read and is whole; 1 if one is not, which is named on standard error and left
    alone, or if a cell could not be written; 2 if the command line is wrong or SOURCE is not a store of nets of this
    version.
    """
    from wndcheck.store.files import temporary_folder
    from wndcheck.store.inventory import merge
    from wndcheck.store.measurements import Store
    from wndcheck.store.remote import downloaded, is_url

    try:
        here_ = Store(root, print_status)
    except OSError as error:
        raise click.UsageError(with_cli_options(error)) from None
    try:
        with temporary_folder() as folder:
            merged = merge(downloaded(source, folder) if is_url(source) else Path(source), here_)
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    except OSError as error:
        print_error(error)
        context.exit(1)
    untrusted = merged.damaged | merged.unreadable
    for name, reason in untrusted.items():
        print_status(f"{name} {reason}")
    for name in merged.locked:
        print_status(f"{name} is left out: another process measures its cell at this moment")
    counts = f"{len(merged.copied)} copied, {len(merged.there)} there already, {len(merged.damaged)} damaged"
    counts += f", {len(merged.unreadable)} unreadable" if merged.unreadable else ""
    click.echo(counts + (f", {len(merged.locked)} left out" if merged.locked else ""))
    context.exit(1 if untrusted else 0)


@store.command(short_help="Copy a profile's measured cells to a folder that is to be committed.")
@click.argument("folder", type=FOLDER)
@PROFILE
@click.option("--seed", metavar="N", type=int, default=BASE_SEED, show_default=True, help="Base seed of the cells.")
@STORE
@click.pass_context
def export(context: click.Context, folder: Path, profile: str, seed: int, root: Path | None) -> None:
    """Copy the measurements of a profile to FOLDER, without kept nets and checkpoints, to be committed.

    FOLDER then is a store that is only read: claims are decided from it, and nothing is trained to fill it.
    Measurements there of other cells are removed.

    Exit status: 0, also if the store lacks some of the cells, which are named on standard error; 1 if FOLDER cannot be
    written; 2 if the command line is wrong, or the folder of --store is not a store of nets of this version.
    """
    from wndcheck.experiment.profiles import named
    from wndcheck.report.format import count_of
    from wndcheck.store.inventory import export
    from wndcheck.store.measurements import Store

    try:
        copies, missing = export(Store(root, print_status, complete=True), named(profile), seed, folder)
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    except OSError as error:
        print_error(f"{folder} cannot be written ({error.strerror or error}): name another folder")
        context.exit(1)
    for cell in missing:
        print_status(f"not measured: {cell.label}")
    size = sum(path.stat().st_size for path in copies) / 1e6
    click.echo(f"{len(copies)} of {count_of(len(copies) + len(missing), 'cell')}, {size:.1f} MB, in {folder}")
