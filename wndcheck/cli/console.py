"""Options, messages and tables that the commands share."""

from __future__ import annotations

import errno
import io
import os
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import click

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
PIPED_WIDTH = 150  # columns where the output is not a terminal


class Commands(click.Group):
    """Commands whose results cannot be lost unseen: exit status 74 where standard output cannot be written.

    Where the user interrupts a command that does not say what is kept, 130.
    """

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except click.ClickException as error:
            vars(error)["message"] = harmless(error.message)  # which click prints as it is
            raise
        except KeyboardInterrupt:  # of which click says "Aborted!", with the status of a failure
            print_status("wndcheck: interrupted")
            context.exit(130)
        except OSError as error:
            if is_writable(sys.stdout):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is it tried again at the end
            if error.errno != errno.EPIPE:  # as of `| head`
                print_error(f"standard output cannot be written ({error.strerror}): what it was to hold is lost")
            context.exit(74)


def is_writable(output: TextIO) -> bool:
    """Whether an output after whose last line an error was raised takes another, empty one."""
    try:
        os.write(output.fileno(), b"\n")
    except OSError as error:
        return isinstance(error, io.UnsupportedOperation)  # of an output in memory
    return True


class Integer(click.IntRange):
    """An integer of a range, which click's message for other text does not call an "integer range"."""

    name = "integer"


STORE = click.option(
    "--store",
    "root",
    type=FOLDER,
    help="Folder of measured cells.  [default: $WNDCHECK_STORE, else the user's cache folder]",
)
DATA = click.option(
    "--data",
    type=FOLDER,
    help="Folder of the data sets.  [default: $WNDCHECK_DATA, else the user's cache folder]",
)
PROFILE = click.option(
    "--profile", metavar="quick|medium|full", default="quick", show_default=True, help="The grid of nets."
)
CLAIMS = click.option(
    "--claims-folder", type=FOLDER, default=Path("claims"), show_default=True, help="Folder of the claims."
)
WORKERS = click.option(
    "--workers",
    metavar="N",
    type=Integer(min=1),
    help="Processes that share the work; a single one takes all cores.  [default: one per visible GPU, or core]",
)
ENGINE = click.option(
    "--engine",
    type=click.Choice(["local", "dask", "slurm"]),
    default="local",
    show_default=True,
    help="What measures: processes of this machine, the workers of a Dask scheduler, or Slurm jobs, at most as many at "
    "once as --workers says. See docs/clusters.md.",
)
SCHEDULER = click.option("--scheduler", metavar="ADDRESS|FILE", help="Address or scheduler file of the Dask scheduler.")


def own_store(report: Path) -> Path | None:
    """The store in the folder of a report, which may be named by its verdicts.json; None without one."""
    from wndcheck.store.measurements import OF_REPORT
    from wndcheck.verdicts.run_files import report_folder

    return store if (store := report_folder(report) / OF_REPORT).is_dir() else None


def require(engine: str, scheduler: str | None) -> None:
    """ValueError, with what to type, where the engine cannot be used."""
    if (engine == "dask") != bool(scheduler):
        raise ValueError("--engine=dask and --scheduler=ADDRESS, or the path of a scheduler file, go together")
    package = {"dask": "distributed", "slurm": "submitit"}.get(engine)
    if package and not find_spec(package):
        raise ValueError(f"--engine={engine} needs {package}: type `pip install 'wndcheck[{engine}]'`")


def require_device(engine: str, device: str) -> None:
    """ValueError where it is not said which device another machine's is."""
    if engine != "local" and device == "auto":
        raise ValueError(f"{engine} has other machines' devices: say which, by --wnd-device=cpu or --wnd-device=cuda")


def print_status(line: str) -> None:
    """Print a message to standard error: standard output is for results. Where nobody reads it, the work goes on."""
    with suppress(OSError):
        click.echo(harmless(line), err=True)


def print_error(error: object) -> None:
    """Print an error to standard error."""
    print_status(f"Error: {with_cli_options(error)}")


def with_cli_options(error: object) -> str:
    """Return an error's message with this command line's options, which pytest has with the prefix "wnd-"."""
    return text if "`pytest" in (text := harmless(str(error))) else text.replace("--wnd-", "--")


def harmless(text: str) -> str:
    """Text without what a terminal obeys, as a name in a user's network or file may hold."""
    from wndcheck.report.format import printable

    return printable(text.replace("\r", "\ufffd"))


def expectations(claims: Path) -> Path:
    """Return the path of expectations.toml in a folder of claims. UsageError if it is not there."""
    from wndcheck.verdicts.expectations import FILE

    if not (claims / FILE).is_file():
        raise click.UsageError(f"{claims} has no {FILE}: name the folder of the claims with --claims-folder")
    return claims / FILE


def columns(piped: int = PIPED_WIDTH) -> int:
    """Return the width of the terminal, or `piped` where standard output is not one."""
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal else piped


def fitting(head: Sequence[str], left_out: Mapping[int, Collection[str]], width: int) -> list[str]:
    """Return the headings that are shown at a width: `left_out` maps a width to those that a narrower one lacks."""
    hidden = {name for least, names in left_out.items() if width < least for name in names}
    return [name for name in head if name not in hidden]


def print_entries(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> None:
    """Print rows one below the other, as a table too wide for the terminal: a line per cell, after its heading.

    The first cell is the entry's title. Cells are wrapped at `width`, and their own line breaks are kept.
    """
    from textwrap import wrap

    label = max(map(len, head[1:])) + 4
    for title, *cells in rows:
        lines = [title]
        for heading, cell in zip(head[1:], cells, strict=True):
            folded = [part for line in cell.split("\n") for part in wrap(line, max(width - label, 20))]
            lines += [f"{f'  {heading}' * (not place):{label}}{part}" for place, part in enumerate(folded)]
        click.echo(harmless("\n".join([*lines, ""])))


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "",
    right: Collection[str] = (),
    unbroken: Collection[str] = (),
    spaced: bool = False,
    total: Sequence[str] = (),
    piped: int = PIPED_WIDTH,
) -> int:
    """Print a table to standard output, as wide as the terminal or `piped` columns; return that width.

    The text of a cell is never markup. Columns with the headings in `right` are aligned to the right; those in
    `unbroken` are never wrapped. `spaced` puts a blank line between rows, and `total` is a last row below a blank line.
    Where the output is not a terminal, lines end without blanks, and a table that is not `spaced` has no blank lines.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=columns(piped))
    plain = not console.is_terminal
    table = Table(box=None if plain and not spaced else box.SIMPLE_HEAD, pad_edge=False)
    for heading in head:
        justify = "right" if heading in right else "left"
        table.add_column(heading, overflow="fold", justify=justify, no_wrap=heading in unbroken)
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row), end_section=spaced)
    if total:
        table.add_section()
        table.add_row(*map(Text, total))
    with console.capture() as printed:
        if title:
            console.print(Text(f"\n{title}", style="bold"))
        console.print(table)
    lines = printed.get().removesuffix("\n").split("\n")
    click.echo("\n".join(line.rstrip() if plain else line for line in lines))
    return console.width


def write_report(context: click.Context, folder: Path, write: Callable[[], Sequence[Path]]) -> None:
    """Write the report of a user's nets and print the path of its page; exit with status 1 if it cannot be written."""
    try:
        paths = write()
    except ValueError as error:
        print_error(error)
        context.exit(1)
    except OSError as error:
        print_error(f"the page cannot be written to {folder} ({error.strerror}): name another --report")
        context.exit(1)
    print_status(f"wndcheck: {paths[-1]}")


def command_line(context: click.Context) -> str:
    """Return the command line without the options for its output."""
    words = ["wndcheck", context.command.name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        is_given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if not is_given or name in ("folder", "as_json"):
            continue
        value = context.params[name]
        value = ",".join(map(str, value)) if isinstance(value, list) else value
        for each in value if isinstance(value, tuple) else [value]:
            words += [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
            words += [] if each is True else [str(each)]
    return shlex.join(words)
