"""`wndcheck score`."""

from __future__ import annotations

import json
import re
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.console import (
    FILE,
    FOLDER,
    Integer,
    columns,
    command_line,
    fitting,
    print_error,
    print_status,
    print_table,
    write_report,
)

if TYPE_CHECKING:
    from wndcheck.inspect import NetworkScore, NetworkVerdict

COUNT = Integer(min=1)


class Margin(click.FloatRange):
    """A number, which NaN is not."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isnan(number := super().convert(value, param, ctx)):
            self.fail(f"{value} is not a number of nats", param, ctx)
        return number


# The columns left out of the table on a terminal narrower than the number.
LEFT_OUT = {
    110: ("rows", "pairs", "above 0.01", "entropy", "most dependent pairs"),
    70: ("neurons", "ι", "dependent"),
}


@click.command(short_help="Score the layers of your own network.")
@click.argument("model", metavar="MODULE:FACTORY")
@click.argument("checkpoints", metavar="[WEIGHTS]...", type=FILE, nargs=-1)
@click.option("--data", type=FILE, required=True, help="Inputs: .npy, samples first; .npz or .safetensors by name.")
@click.option(
    "--state-dict",
    "state_dicts",
    type=FILE,
    multiple=True,
    help="Weights to load into the model, .safetensors; the same as WEIGHTS.",
)
@click.option(
    "--layers",
    metavar="NAME",
    multiple=True,
    help="A layer, one of its calls such as 'relu#2', or a shell pattern such as 'encoder.*'. May be given several "
    "times, or with commas.  [default: all linear, convolutional and recurrent layers, and projections of attention]",
)
@click.option(
    "--when",
    type=click.Choice(["pre", "post"]),
    default="pre",
    show_default=True,
    help="Before or after activation.",
)
@click.option("--device", metavar="DEVICE", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--samples", "max_samples", type=COUNT, default=1000, show_default=True, help="Most inputs measured.")
@click.option(
    "--groups", type=FILE, help="Label of each input, such as its class, .npy: scores within and between groups, too."
)
@click.option("--positions", type=COUNT, default=1, show_default=True, help="Positions drawn per image or sequence.")
@click.option("--neuron-axis", type=int, help="Axis of the neurons, for layers of an unknown type.")
@click.option(
    "--batch-size",
    type=Integer(min=0),
    default=256,
    show_default=True,
    help="Samples per forward pass; 0 for all, where samples need each other, as the nodes of a graph.",
)
@click.option(
    "--forward-kwargs",
    "whole",
    type=FILE,
    help="Arguments of forward that are not of samples, by name: .npz or .safetensors.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="Measure a copy in this precision, as of a network in half precision.",
)
@click.option("--pairs", "max_pairs", type=COUNT, default=3000, show_default=True, help="Most pairs per layer.")
@click.option(
    "--seed",
    type=Integer(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all draws, including those of a factory.",
)
@click.option(
    "--margin",
    metavar="NATS",
    type=Margin(min=0, max=100),
    help="Largest ι_c of a weakly dependent layer.  [default: the paper's 0.01]",
)
@click.option("--report", "folder", metavar="DIR", type=FOLDER, help="Folder for a page of the scores, index.html.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--allow-pickle", is_flag=True, help="Read pickles (.pt, .pth, arrays of objects), which can run any code."
)
@click.pass_context
def score(
    context: click.Context, model: str, margin: float | None, folder: Path | None, as_json: bool, **options: Any
) -> None:
    """Score how dependent the neurons of your network's layers are, on inputs of your own.

    MODULE:FACTORY names a torch.nn.Module, or a function without arguments that returns one, in a module of the current
    folder or in a file: model.py:make_net.

    \b
      wndcheck score model.py:make_net --data x.npy --report page
      wndcheck score model.py:make_net --state-dict net.safetensors --data x.npy --layers 'encoder.*' --json
      wndcheck score model.py:make_net step*.safetensors --data x.npy

    ι is the mean information of a layer's pairs of neurons, in nats; ι_c is the same without the estimator's bias, with
    its standard error over inputs. A layer is weakly dependent (supported) if the 99 % interval of ι_c ends at the
    margin or below, and is not (refuted) if it lies above. The paper takes 0.01 as the threshold for independence. ι_r
    is the mean information estimated from ranks, which marginals do not change; above 0.01 is the share of pairs beyond
    that by more than chance.

    With --report, DIR gets one page that works offline, score.json, and figures with their numbers, among them the CSV
    of all pairs of each layer. With several WEIGHTS, checkpoints are compared, in the order of the last number in each
    name, or else as given: the table has ι_c of each, and the page is about the last.

    Exit status: 0 if the layers are scored, whatever the verdicts; 1 if the model, the data or a layer cannot be used,
    or the page cannot be written, with the reason on standard error; 2 if the command line is wrong.
    """
    from wndcheck.inspect.weak_dependence import THRESHOLD, weakly_dependent

    try:
        threshold = THRESHOLD if margin is None else margin
        checkpoints = {name: weakly_dependent(each, threshold) for name, each in scores(model, **options).items()}
    except (TypeError, ValueError, OSError) as error:
        print_error(error)
        context.exit(1)
    found = list(checkpoints.values())[-1]
    several = checkpoints if len(checkpoints) > 1 else {}
    if as_json:
        document = (
            {"checkpoints": {name: each.to_dict() for name, each in several.items()}} if several else found.to_dict()
        )
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        click.echo(re.sub(r"[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text))
    elif several:
        show_checkpoints(several)
    else:
        show(found)
    remarks = [each.scores.ineffective_options if as_json else each.remarks for each in checkpoints.values()]
    for line in dict.fromkeys(line for each in remarks for line in each):
        print_status(line)
    if folder:
        write_report(context, folder, lambda: written(context, folder, found, several))


def written(
    context: click.Context, folder: Path, found: NetworkVerdict, checkpoints: dict[str, NetworkVerdict]
) -> list[Path]:
    """Write the page of the scores; return its paths."""
    from wndcheck.devices import resolve
    from wndcheck.report.network import write_network
    from wndcheck.versions import environment

    given = context.params
    how = {
        "model": given["model"],
        "inputs": "; ".join([str(given["data"]), *found.scores.inputs]),
        "weights": ", ".join(map(str, given["state_dicts"] + given["checkpoints"])) or "as made",
    }
    how |= found.scores.meta if found.scores else {}
    machine = environment(resolve(given["device"]), Path.cwd(), "numpy", "scipy", "numba")
    return write_network(folder, found, how, machine, command_line(context), checkpoints)


def scores(
    model: str,
    *,
    data: Path,
    checkpoints: tuple[Path, ...],
    state_dicts: tuple[Path, ...],
    layers: tuple[str, ...],
    device: str,
    seed: int,
    allow_pickle: bool,
    batch_size: int,
    whole: Path | None,
    groups: Path | None,
    **options: Any,
) -> dict[str, NetworkScore]:
    """Score the layers of the model with each of the weights, by their file; further options as `dependence_score`.

    Raises TypeError, ValueError or OSError if the model or data cannot be used.
    """
    import torch

    from wndcheck.devices import resolve
    from wndcheck.inspect import dependence_score
    from wndcheck.inspect.model_files import load_arguments, load_inputs, load_labels, load_network, load_weights
    from wndcheck.report.network_figures import steps_of

    place = resolve(device)
    x = load_inputs(data, allow_pickle=allow_pickle)
    options |= {"batch_size": batch_size or None}
    options |= {"forward_kwargs": load_arguments(whole, allow_pickle=allow_pickle) if whole else None}
    options |= {"groups": load_labels(groups) if groups else None}
    torch.manual_seed(seed)  # of the weights that a factory draws
    net = load_network(model)
    files = list(dict.fromkeys(map(str, state_dicts + checkpoints)))
    files = [file for _, file in sorted(zip(steps_of(files), files, strict=True))]
    if not files:
        print_status(f"wndcheck: the weights are those that {model} makes; trained ones are loaded by --state-dict")
    names = [name for given in layers for name in given.split(",") if name]
    if layers and not names:
        raise ValueError("--layers names none: give names or shell patterns, or leave it out")
    found = {}
    for file in files or [""]:
        if file:
            load_weights(net, Path(file), allow_pickle=allow_pickle)
        try:
            found[file] = dependence_score(net.to(place), x, names or None, random_state=seed, device=place, **options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{file}: {error}" if len(files) > 1 else str(error)) from error
    return found


def show(found: NetworkVerdict) -> None:
    """Print a table with one line per layer; a narrow terminal shows fewer columns."""
    from wndcheck.inspect.results import table_row

    *head, pairs = found.scores.headings
    shown = fitting((*head, "verdict", pairs), LEFT_OUT, columns())
    rows = []
    for layer in found.layers.values():
        if layer.score:
            cells = table_row(layer.score) | {"verdict": str(layer.verdict)}
            rows.append([cells[name] for name in shown])
    print_table(shown, rows, right=head[1:])


def show_checkpoints(found: dict[str, NetworkVerdict]) -> None:
    """Print a table with one line per layer: ι_c and the sign of the verdict at each checkpoint."""
    from wndcheck.inspect.results import number
    from wndcheck.report.format import SYMBOLS

    names = [Path(name).stem for name in found]
    names = names if len({*names}) == len(names) else list(found)
    layers = dict.fromkeys(name for each in found.values() for name, layer in each.layers.items() if layer.score)

    def cell(verdict: NetworkVerdict, name: str) -> str:
        layer = verdict.layers.get(name)
        return f"{SYMBOLS[layer.verdict]} {number(layer.interval.estimate)}" if layer else "–"

    print_table(
        ["ι_c of layer", *names], [[n, *(cell(each, n) for each in found.values())] for n in layers], right=names
    )
