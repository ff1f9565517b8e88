"""`toolspec cancel`."""

from __future__ import annotations

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, given
from toolspec.cli.output import obeying_nothing, paint

STYLES = {"cancelled": "32", "over": "2", "ending": "33", "failed": "31"}


@click.command("cancel")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option("--all", "everything", is_flag=True, help="Every run that is not over.")
@click.option("--sweep", metavar="ID", callback=given, help="The runs of one sweep.")
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="What a local run may take to end before it is killed. Slurm has its own time (KillWait).",
)
@FORMAT
def cancel(*, names: tuple[str, ...], everything: bool, sweep: str | None, grace: float, form: str) -> int:
    """End runs, wherever they are: waiting, starting, running, or about to be queued again.

    \b
    Example:
      toolspec cancel qwen-ppo-toolcall-7f3a1b
      toolspec cancel --sweep weights-3fa2c1

    RUN is as for toolspec status. A run that is over stays as it is. The folder, its logs and its checkpoints stay too.

    Exit codes: 0 none of them goes on; 1 one could not be ended; 2 wrong usage or a fault of toolspec's own.
    """
    if (bool(names) + everything + (sweep is not None)) != 1:
        raise click.UsageError("Say which: runs, or --sweep ID, or --all.")
    from toolspec.backends.launch.cancel import cancel as end
    from toolspec.backends.launch.found import find_all, labels, of_sweep
    from toolspec.backends.launch.look import look
    from toolspec.backends.launch.runs import root

    place = root()
    if sweep is not None:
        folders = of_sweep(sweep, place)
    elif everything:
        folders = [each.folder for each in labels(place)]
    else:
        folders = find_all(names, place)
    looked = look(folders)
    if not names:
        looked = [each for each in looked if each.state.active]
    outcomes = end(looked, grace)
    if form == "json":
        print_json({"version": 1, "runs": [each._asdict() for each in outcomes]})
    else:
        if not outcomes:
            print("nothing to cancel: no run of them waits or runs")
        for each in outcomes:
            words = " ".join(f"{each.id}  {each.message}".split("\n"))
            print(obeying_nothing(f"{paint(f'{each.did:<9}', STYLES[each.did])}  {words}"))
    return int(any(each.did == "failed" for each in outcomes))
