"""`wndcheck sweep`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.console import (
    ENGINE,
    FILE,
    FOLDER,
    SCHEDULER,
    WORKERS,
    Integer,
    command_line,
    print_error,
    print_status,
    require,
    require_device,
    with_cli_options,
    write_report,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from wndcheck.sweep.widths import WidthSweep

COUNT = Integer(min=1)


def numbers(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """``32,64`` as a list. BadParameter for other text."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r}: expected numbers with commas, such as 32,64,128,256") from None


@click.command(short_help="Put the claims about wide nets to a family of your own.")
@click.argument("make_net", metavar="MODULE:MAKE_NET")
@click.option("--widths", callback=numbers, required=True, help="Widths with commas: 32,64,128,256.")
@click.option("--data", type=FILE, required=True, help="Inputs: .npy, samples first; .npz or .safetensors by name.")
@click.option("--seeds", type=COUNT, default=8, show_default=True, help="Nets of each width.")
@click.option(
    "--train",
    metavar="MODULE:TRAIN",
    help="A function of a net and its seed that trains it, or a generator that yields at each stage.  [default: nets "
    "are measured as built]",
)
@click.option("--evaluate", metavar="MODULE:EVALUATE", help="A function of a net that returns its accuracy.")
@click.option("--layers", metavar="NAME", multiple=True, help="A hidden layer, or a shell pattern: 'blocks.*.fc1'.")
@click.option("--when", type=click.Choice(["pre", "post"]), default="pre", help="Before or after activation.")
@click.option("--samples", "max_samples", type=COUNT, default=1000, show_default=True, help="Most inputs measured.")
@click.option("--pairs", "max_pairs", type=COUNT, default=5000, show_default=True, help="Most pairs per layer.")
@click.option("--device", default="auto", show_default=True, help="Of the estimates: auto, cpu, cuda or cuda:N.")
@WORKERS
@ENGINE
@SCHEDULER
@click.option("--name", help="What the nets are kept under.  [default: made of MODULE:MAKE_NET]")
@click.option("--store", type=FOLDER, help="Folder of kept nets.  [default: $WNDCHECK_STORE, or a cache]")
@click.option("--no-cache", is_flag=True, help="Measure all nets, and keep none.")
@click.option("--report", "folder", metavar="DIR", type=FOLDER, help="Folder for a page of the sweep, index.html.")
@click.option("--allow-pickle", is_flag=True, help="Read data with pickles, which can run any code.")
@click.pass_context
def sweep(context: click.Context, make_net: str, data: Path, folder: Path | None, **options: Any) -> None:
    """Put the paper's claims about wide nets to a family of nets of your own, over widths and seeds.

    MODULE:MAKE_NET names a function of a width that returns a new torch.nn.Module, in a module of the current folder or
    in a file: model.py:make_net.

    \b
      wndcheck sweep model.py:make_net --widths 32,64,128,256 --data x.npy --train model.py:train --report page

    Each net is built under a seed of its own, trained and measured, with a line to standard error. It is kept at once:
    the same command goes on where an earlier one was stopped. Where the source of the functions has changed since, it
    is an error; --no-cache or another --name measures anew. A net whose worker dies is measured by another one.

    With --report, DIR gets one page that works offline, sweep.json with the verdicts, sweep.csv with a row for each
    net, stage and layer, and the figure with its numbers.

    Exit status: 0 if nets are measured, whatever the verdicts; 1 if no net, or no layer, could be measured, or the
    functions, the data, the engine or the report's folder cannot be used; 2 if the command line is wrong; 130 if it was
    interrupted.
    """
    from wndcheck.store.executors import termination_as_interruption

    try:
        require(options["engine"], options["scheduler"])
        require_device(options["engine"], options["device"])
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    try:
        with termination_as_interruption():
            found = swept(make_net, data, **options)
    except KeyboardInterrupt:
        kept = ": nets that are measured are kept, and the same command goes on from there"
        print_status(f"wndcheck: interrupted{kept * (not options['no_cache'])}")
        context.exit(130)
    except (TypeError, ValueError, OSError) as error:
        print_error(error)
        context.exit(1)
    click.echo(found)
    if folder:
        write_report(context, folder, lambda: written(context, folder, found))


def swept(
    make_net: str,
    data: Path,
    *,
    train: str | None,
    evaluate: str | None,
    layers: tuple[str, ...],
    name: str | None,
    store: Path | None,
    no_cache: bool,
    allow_pickle: bool,
    workers: int | None,
    engine: str,
    scheduler: str | None,
    device: str,
    **options: Any,
) -> WidthSweep:
    """Measure the sweep; further options are those of `width_sweep`. TypeError, ValueError or OSError as there."""
    from wndcheck.devices import automatic_workers
    from wndcheck.inspect.model_files import load_functions, load_inputs
    from wndcheck.store.measurements import store_root
    from wndcheck.sweep.widths import width_sweep

    x = load_inputs(data, allow_pickle=allow_pickle)
    given = {"make_net": make_net, "train": train, "evaluate": evaluate}
    targets = {role: target for role, target in given.items() if target}
    functions = dict(zip(targets, load_functions(*targets.values()), strict=True))
    where, _, function = make_net.rpartition(":")
    paths = {Path(target.rpartition(":")[0]).resolve() for target in targets.values()}
    # Workers import the functions' modules from there.
    folders = {str(path.parent) for path in paths}
    sys.path[:0] = [folder for folder in (*folders, str(Path.cwd())) if folder not in sys.path]
    root = store_root(store)
    workers = workers or (automatic_workers(device) if engine == "local" else sys.maxsize)
    most = min(workers, len(options["widths"]) * options["seeds"])
    files = [path for path in paths if path.suffix == ".py" and path.is_file()]
    with executor_of(engine, scheduler, most, root / "slurm", device, files) as (executor, at_once):
        return width_sweep(
            **functions,
            x=x,
            layers=[each for text in layers for each in text.split(",")] or None,
            name=name or f"{Path(where).stem}-{function}",
            workers=at_once,
            executor=executor,
            store=None if no_cache else root / "sweeps",
            progress=lambda line: print_status(f"wndcheck: {line}"),
            device=device,
            **options,
        )


@contextmanager
def executor_of(
    engine: str, scheduler: str | None, most: int, folder: Path, device: str, files: Sequence[Path]
) -> Iterator[tuple[Executor | None, int]]:
    """What an engine measures by, None for processes of this machine, and how many nets it measures at once."""
    from wndcheck.store import executors

    if engine == "slurm":
        with executors.SlurmJobs(most, print_status, folder, device) as jobs:
            yield jobs, most
    elif scheduler:
        with executors.dask_workers(scheduler, files) as (dask, workers):
            yield dask, max(1, workers)
    else:
        yield None, most


def written(context: click.Context, folder: Path, found: WidthSweep) -> list[Path]:
    """Write the report; return its paths."""
    from wndcheck.sweep.page import write_sweep
    from wndcheck.versions import environment

    shown = ("make_net", "data", "train", "evaluate", "layers", "when", "max_samples", "max_pairs")
    given = context.params | {"layers": ", ".join(context.params["layers"])}
    how = {name.removeprefix("max_"): str(given[name]) for name in shown if given[name]}
    machine = environment(context.params["device"], Path.cwd(), "numpy", "scipy", "numba")
    return write_sweep(folder, found, how, machine, command_line(context))
