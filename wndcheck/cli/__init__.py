"""The command line. Each command imports what it needs when it runs."""

from __future__ import annotations

import click

from wndcheck.cli import audit, calibrate, claims, compare, expect, fetch, measure, plan, report, score, store, sweep
from wndcheck.cli.console import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wndcheck", message="wndcheck %(version)s")
def main() -> None:
    """Test the claims of "On the Weak Neural Dependence Phenomenon in Deep Learning".

    Exit status: that of the command; 74 if standard output cannot be written; 130 if it was interrupted.
    """


for command in (
    audit.audit,
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
    sweep.sweep,
):
    main.add_command(command)
