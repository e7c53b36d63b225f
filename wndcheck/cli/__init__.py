"""The command line. Each command imports what it needs when it runs."""

from __future__ import annotations

import click

from wndcheck.cli import calibrate, claims, compare, expect, fetch, measure, plan, report, score, store


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from importlib import metadata

    try:
        version = metadata.version("wndcheck")
    except metadata.PackageNotFoundError:
        version = "(not installed)"
    click.echo(f"wndcheck {version}")
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Put the claims of "On the Weak Neural Dependence Phenomenon in Deep Learning" to the test."""


for command in (
    calibrate.calibrate,
    claims.claims,
    compare.compare,
    expect.expect,
    fetch.fetch,
    measure.measure,
    plan.plan,
    report.report,
    score.score,
    store.store,
):
    main.add_command(command)
