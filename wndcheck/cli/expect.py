"""`wndcheck expect`."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from wndcheck.cli.console import CLAIMS, expectations, print_error, print_status, with_cli_options


@click.command(short_help="Propose expectations.toml from several runs.")
@click.argument("folders", metavar="RUN_DIR RUN_DIR [...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@CLAIMS
@click.option("--write", is_flag=True, help="Also write the file.")
@click.pass_context
def expect(context: click.Context, folders: tuple[Path, ...], claims_folder: Path, write: bool) -> None:
    """Propose a change of expectations.toml by the reports of runs of one profile with different base seeds.

    The change is a unified diff on standard output; nothing where the file fits already. Entries that no run
    contradicts stay as they are; an entry that changes keeps its reason and its comments. Review the diff, especially
    the reasons: an expectation is a finding, and its reason has to be right.

    Exit status: 0; 1 if a check is supported by one run and refuted by another, which is named on standard error (no
    file is written then), or if the file cannot be written; 2 if the command line is wrong or a run cannot be used.
    """
    from wndcheck.authoring.proposals import propose
    from wndcheck.report.files import encoded, write_atomically
    from wndcheck.verdicts.expectations import ExpectationError
    from wndcheck.verdicts.run_files import RunError, read_run

    path = expectations(claims_folder)
    try:
        proposal = propose(path, [(folder, read_run(folder)) for folder in folders])
    except (RunError, ExpectationError, OSError) as error:
        raise click.UsageError(with_cli_options(error)) from None
    lines = (side.splitlines(keepends=True) for side in (proposal.before, proposal.text))
    click.echo("".join(unified_diff(*lines, fromfile=str(path), tofile=str(path))), nl=False)
    for contradiction in proposal.contradictions:
        print_error(contradiction)
    if proposal.contradictions:
        context.exit(1)
    if write and proposal.text != proposal.before:
        try:
            write_atomically(path, encoded(proposal.text))
        except OSError as error:
            print_error(f"{path} could not be written ({error.strerror})")
            context.exit(1)
        print_status(f"{path} is written; review the diff, especially the reasons")
