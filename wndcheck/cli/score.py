"""`wndcheck score`."""

from __future__ import annotations

import json
import re
import shlex
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.console import FILE, FOLDER, Integer, columns, fitting, print_error, print_status, print_table

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
@click.option("--data", type=FILE, required=True, help="Inputs: .npy, samples first; .npz or .safetensors by name.")
@click.option("--state-dict", type=FILE, help="Weights to load into the model: .safetensors.")
@click.option(
    "--layers",
    metavar="NAME",
    multiple=True,
    help="A layer, or a shell pattern such as 'encoder.*'. May be given several times, or with commas.  [default: all "
    "linear and convolutional layers and the projections of attention]",
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
@click.option("--positions", type=COUNT, default=1, show_default=True, help="Positions drawn per image or sequence.")
@click.option("--neuron-axis", type=int, help="Axis of the neurons, for layers of an unknown type.")
@click.option("--batch-size", type=COUNT, default=256, show_default=True, help="Samples per forward pass.")
@click.option("--pairs", "max_pairs", type=COUNT, default=5000, show_default=True, help="Most pairs per layer.")
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

    ι is the mean information of a layer's pairs of neurons, in nats; ι_c is the same without the estimator's bias, with
    its standard error over inputs. A layer is weakly dependent (supported) if the 99 % interval of ι_c ends at the
    margin or below, and is not (refuted) if it lies above. The paper takes 0.01 as the threshold for independence. ι_r
    is the mean information estimated from ranks, which marginals do not change; above 0.01 is the share of pairs beyond
    that by more than chance.

    With --report, DIR gets one page that works offline, score.json, and the figure with its numbers.

    Exit status: 0 if the layers are scored, whatever the verdicts; 1 if the model, the data or a layer cannot be used,
    or the page cannot be written, with the reason on standard error; 2 if the command line is wrong.
    """
    from wndcheck.inspect.weak_dependence import THRESHOLD, weakly_dependent

    try:
        found = weakly_dependent(scores(model, **options), THRESHOLD if margin is None else margin)
    except (TypeError, ValueError, OSError) as error:
        print_error(error)
        context.exit(1)
    if as_json:
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        click.echo(re.sub(r"[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text))
    else:
        show(found)
    for line in found.scores.ineffective_options if as_json else found.remarks:
        print_status(line)
    if folder:
        write_page(context, folder, found)


def write_page(context: click.Context, folder: Path, found: NetworkVerdict) -> None:
    """Write the page of the scores and print its path; exit with status 1 if it cannot be written."""
    from wndcheck.devices import resolve
    from wndcheck.report.network import write_network
    from wndcheck.versions import environment

    given = context.params
    how = {"model": given["model"], "inputs": str(given["data"]), "weights": str(given["state_dict"] or "as made")}
    how |= found.scores.meta if found.scores else {}
    machine = environment(resolve(given["device"]), Path.cwd(), "numpy", "scipy", "numba")
    try:
        paths = write_network(folder, found, how, machine, command_line(context))
    except ValueError as error:
        print_error(error)
        context.exit(1)
    except OSError as error:
        print_error(f"the page cannot be written to {folder} ({error.strerror}): name another --report")
        context.exit(1)
    print_status(f"wndcheck: {paths[-1]}")


def command_line(context: click.Context) -> str:
    """Return the command line without the options for its output."""
    words = ["wndcheck", "score"]
    for parameter in context.command.params:
        name = parameter.name or ""
        is_given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if not is_given or name in ("folder", "as_json"):
            continue
        value = context.params[name]
        for each in value if isinstance(value, tuple) else [value]:
            words += [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
            words += [] if each is True else [str(each)]
    return shlex.join(words)


def scores(
    model: str,
    *,
    data: Path,
    state_dict: Path | None,
    layers: tuple[str, ...],
    device: str,
    seed: int,
    allow_pickle: bool,
    **options: Any,
) -> NetworkScore:
    """Score the layers of the model; further options are those of `dependence_score`.

    Raises TypeError, ValueError or OSError if the model or data cannot be used.
    """
    import torch

    from wndcheck.devices import resolve
    from wndcheck.inspect import dependence_score
    from wndcheck.inspect.model_files import load_inputs, load_network, load_weights

    place = resolve(device)
    x = load_inputs(data, allow_pickle=allow_pickle)
    torch.manual_seed(seed)  # of the weights that a factory draws
    net = load_network(model)
    if state_dict:
        load_weights(net, state_dict, allow_pickle=allow_pickle)
    else:
        print_status(f"wndcheck: the weights are those that {model} makes; trained ones are loaded by --state-dict")
    names = [name for given in layers for name in given.split(",") if name]
    if layers and not names:
        raise ValueError("--layers names none: give names or shell patterns, or leave it out")
    return dependence_score(net.to(place), x, names or None, random_state=seed, device=place, **options)


def show(found: NetworkVerdict) -> None:
    """Print a table with one line per layer; a narrow terminal shows fewer columns."""
    from wndcheck.inspect.results import HEADINGS, table_row

    *head, pairs = HEADINGS
    shown = fitting((*head, "verdict", pairs), LEFT_OUT, columns())
    rows = []
    for layer in found.layers.values():
        if layer.score:
            cells = dict(zip(HEADINGS, table_row(layer.score), strict=True), verdict=str(layer.verdict))
            rows.append([cells[name] for name in shown])
    print_table(shown, rows, right=head[1:])
