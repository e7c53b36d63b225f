"""`wndcheck report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.console import CLAIMS, STORE, here, say

if TYPE_CHECKING:
    from wndcheck.report import Measured


@click.command(short_help="Write the page of a run that has ended.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default=Path("reports/latest"))
@STORE
@CLAIMS
def report(folder: Path, root: Path | None, claims_folder: Path) -> None:
    """Write index.html, one page that needs no network, from the verdicts.json in DIR and the figures beside it.

    DIR is the folder of a report, `reports/latest` unless said otherwise. Figures and tables that are missing there are
    made from the store, where it has the run's nets. Nothing is measured, and what lies there is left as it is.

    Exit status: 0; 1 if the page cannot be written; 2 if the command line is wrong, there is no verdicts.json to read,
    or a figure beside it is no SVG.
    """
    from wndcheck.authoring.documents import read_document
    from wndcheck.authoring.runs import restored_document
    from wndcheck.report import write_page

    try:
        document = read_document(folder, restored_document)
        add_claims_words(document, claims_folder)
        paths = write_page(folder, document, stored(document, root))
    except ValueError as error:
        raise click.UsageError(here(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"the page cannot be written to {folder} ({error.strerror}): copy the report to a folder of your own"
        ) from None
    for path in paths[:-1]:
        say(f"wndcheck: made {path}")
    click.echo(f"{paths[-1]} ({paths[-1].stat().st_size / 1e6:.1f} MB)")


def add_claims_words(document: dict[str, Any], folder: Path) -> None:
    """What claims say of themselves, for a run that has not noted it."""
    from wndcheck.verdicts.coverage.modules import MatrixError, claim_modules

    if not folder.is_dir() or all("about" in claim for claim in document["claims"]):
        return
    try:
        modules = {module.claim.id: module for module in claim_modules(folder)}
    except MatrixError as error:
        say(f"wndcheck: the page does without what the claims say of themselves: {error}")
        return
    for claim in document["claims"]:
        if module := modules.get(claim["id"]):
            claim.setdefault("about", module.docstring)
            claim.setdefault("figures", list(module.claim.figures))


def stored(document: dict[str, Any], root: Path | None) -> Measured:
    """What the store has of the run's nets: nothing where it is not there, or the profile is none of this version's."""
    from wndcheck.experiment.profiles import PROFILES
    from wndcheck.report import Measured, gathered
    from wndcheck.store.measurements import Store

    store = Store(root, say, make=False)
    if not store.root.is_dir() or document["profile"] not in PROFILES:
        return Measured()
    return gathered(PROFILES[document["profile"]], document["base_seed"], store.load)
