"""`wndcheck score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.words import complain, say

if TYPE_CHECKING:
    from wndcheck.modules import NetworkScore

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Score the layers of your own network.")
@click.argument("model", metavar="MODULE:FACTORY")
@click.option("--data", type=_FILE, required=True, help="Inputs: .npy, samples first; .npz or .safetensors by name.")
@click.option("--state-dict", type=_FILE, help="Weights to load into the model: .safetensors.")
@click.option(
    "--layers",
    metavar="NAME",
    multiple=True,
    help="A layer, or a shell pattern such as 'encoder.*'. May be given several times, or with commas.  [default: all "
    "linear and convolutional layers and the projections of attention]",
)
@click.option("--when", type=click.Choice(["pre", "post"]), default="pre", show_default=True, help="Activations taken.")
@click.option("--device", metavar="DEVICE", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Inputs measured, at most."
)
@click.option(
    "--positions", type=click.IntRange(min=1), default=1, show_default=True, help="Positions of an image or sequence."
)
@click.option("--neuron-axis", type=int, help="Axis of the neurons, where the layer's kind does not tell.")
@click.option("--batch-size", type=click.IntRange(min=1), default=256, show_default=True, help="Samples at once.")
@click.option("--pairs", type=click.IntRange(min=1), default=5000, show_default=True, help="Pairs a layer, at most.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--allow-pickle", is_flag=True, help="Read pickles (.pt, .pth, arrays of objects), which can run any code."
)
@click.pass_context
def score(context: click.Context, model: str, as_json: bool, **options: Any) -> None:
    """Score how dependent the neurons of your network's layers are, on inputs of your own.

    MODULE:FACTORY names a torch.nn.Module, or a function without arguments that makes one, in a module of the current
    folder or in a file: model.py:make_net.

    \b
      wndcheck score model.py:make_net --data x.npy
      wndcheck score model.py:make_net --state-dict net.safetensors --data x.npy --layers 'encoder.*' --json

    ι is the mean information of a layer's pairs of neurons, in nats; ι_c is the same without the estimator's bias, with
    its standard error over inputs. The paper takes .01 as the threshold for independence.

    Exit status: 0 if the layers are scored; 1 if the model, the data or a layer cannot be used, with the reason on
    standard error; 2 if the command line is wrong.
    """
    try:
        found = scores(model, **options)
    except (TypeError, ValueError, OSError) as error:
        complain(error)
        context.exit(1)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    print_table(found)
    for line in found.remarks:
        say(line)


def scores(
    model: str,
    *,
    data: Path,
    state_dict: Path | None = None,
    layers: tuple[str, ...] = (),
    when: str = "pre",
    device: str = "auto",
    samples: int = 1000,
    positions: int = 1,
    neuron_axis: int | None = None,
    batch_size: int = 256,
    pairs: int = 5000,
    seed: int = 0,
    allow_pickle: bool = False,
) -> NetworkScore:
    """What the command prints. TypeError, ValueError or OSError, in words, where something cannot be used."""
    from wndcheck.devices import resolve
    from wndcheck.modules import dependence_score
    from wndcheck.modules.loading import inputs, network, with_state

    place = resolve(device)
    x = inputs(data, allow_pickle=allow_pickle)
    net = network(model)
    if state_dict:
        with_state(net, state_dict, allow_pickle=allow_pickle)
    names = [name for given in layers for name in given.split(",") if name]
    return dependence_score(
        net.to(place),
        x,
        names or None,
        when=when,
        positions=positions,
        neuron_axis=neuron_axis,
        batch_size=batch_size,
        max_samples=samples,
        max_pairs=pairs,
        random_state=seed,
        device=place,
    )


def print_table(found: NetworkScore) -> None:
    """A line a layer, as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from wndcheck.modules.results import HEADINGS, cells

    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        words = heading in (HEADINGS[0], HEADINGS[-1])
        table.add_column(heading, overflow="fold", justify="left" if words else "right", no_wrap=not words)
    for layer in found.layers.values():
        table.add_row(*cells(layer))
    console.print(table, markup=False)
