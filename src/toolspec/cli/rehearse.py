"""`toolspec rehearse`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.shell_completion import CompletionItem

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, HTML, SET, SPEC, TARGET, given, rows_option, trial_options

if TYPE_CHECKING:
    from toolspec.backends.verl.rehearsal.experiment import Experiment
    from toolspec.backends.verl.rehearsal.rehearse import Asked, Rehearsal

ROWS = 16
MOST_ROWS = 512
MODEL = "model"
WITHIN = 600.0


class PolicyName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The name of a policy, looked up when one is given."""

    name = "policy"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from toolspec.backends.verl.rehearsal.policies import POLICIES, REHEARSED
        from toolspec.specs.nearest import nearest

        if value not in POLICIES and value != MODEL:
            close = nearest(value, [*POLICIES, MODEL])
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(REHEARSED)} and the cheats"
            self.fail(f"there is no policy {value!r}; {hint}", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from toolspec.backends.verl.rehearsal.policies import POLICIES

        return [CompletionItem(name) for name in [*POLICIES, MODEL] if name.startswith(incomplete)]


@click.command("rehearse")
@SPEC
@TARGET
@SET
@rows_option(MOST_ROWS, ROWS)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=PolicyName(),
    help="Who writes: honest, lazy, sloppy, cheating (these by default), a cheat by name, or model. Repeatable.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the rows and of the calls' arguments."
)
@click.option(
    "--step",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of the training, for schedules of weights.",
)
@trial_options(
    "your tools import",
    "Of any call, where its tool has no shorter one. Default: 30.",
    "the process of your code",
)
@click.option(
    "--model",
    type=click.Path(path_type=str),
    metavar="FOLDER",
    callback=given,
    help="A small model with its weights, which writes the policy `model` on CPU. Needs transformers and torch in the "
    "Python of --python.",
)
@click.option(
    "--within",
    type=click.FloatRange(1),
    metavar="SECONDS",
    help="Of all that the model writes; the rest of its episodes is left out. Default: 600.",
)
@click.option(
    "--engine",
    type=click.Choice(["own", "verl"]),
    default="own",
    show_default=True,
    help="verl: its real loop and reward worker, in the Python of --python.",
)
@HTML
@click.option("--all", "every", is_flag=True, help="Print every transcript, in place of one a policy.")
@FORMAT
def rehearse(
    *,
    spec: str,
    target: str | None,
    sets: tuple[str, ...],
    rows: int,
    policies: tuple[str, ...],
    seed: int,
    step: int,
    split: str,
    text: bool,
    python: str | None,
    timeout: float | None,
    memory: int | None,
    model: str | None,
    within: float | None,
    engine: Literal["own", "verl"],
    html: str | None,
    every: bool,
    form: str,
) -> int:
    """Run the whole experiment on CPU in seconds: real rows, your real tools and reward, scripted policies.

    \b
    Example:
      toolspec rehearse exp.yaml
      toolspec rehearse exp.yaml --rows 4 --policy honest --all
      toolspec rehearse exp.yaml --html rehearsal.html
      toolspec rehearse exp.yaml --model ~/Qwen2.5-0.5B-Instruct --python ~/verl/bin/python --rows 2
      toolspec rehearse exp.yaml --engine verl --python ~/verl/bin/python

    The policies write what is scripted: honest calls a tool and gives the row's accepted answer, lazy calls nothing,
    sloppy calls wrongly, cheating forges, pads and lists. All goes through the bundle's own loop, tools and reward, and
    through the release's arithmetic of tokens, limits and mask.

    This runs your tools and your reward: in a process of their own, with limits of CPU, memory, output and time.

    Exit codes: 0 nothing is broken, 1 a tool or the reward is, or the spec has errors, 2 wrong usage or a fault of
    toolspec's own.
    """
    from toolspec.backends.verl.rehearsal.findings import findings
    from toolspec.backends.verl.rehearsal.policies import POLICIES, REHEARSED
    from toolspec.backends.verl.rehearsal.rehearse import Asked
    from toolspec.backends.verl.rehearsal.user_process import Limits

    if html is not None:
        from toolspec.cli.page_place import check_place
        from toolspec.cli.rehearse_page import MARK

        check_place(Path(html), MARK)
    limits = Limits()
    limits = limits._replace(
        call_seconds=timeout if timeout is not None else limits.call_seconds,
        memory=memory << 30 if memory is not None else limits.memory,
    )
    if model is None and (MODEL in policies or within is not None):
        raise click.UsageError(
            f"{'--policy model' if MODEL in policies else '--within'} needs --model FOLDER"
        )
    if model is not None and text:
        raise click.UsageError("a model writes tokens, so --model goes without --text")
    wanted = tuple(one for one in POLICIES if one in policies) or (() if MODEL in policies else REHEARSED)
    wanted += (MODEL,) if model is not None else ()
    asked = Asked(
        rows,
        wanted,
        seed,
        python or sys.executable,
        limits,
        engine,
        step,
        WITHIN if within is None else within,
    )
    if shutil.which(asked.python) is None:
        raise click.BadParameter(f"there is no program {asked.python}", param_hint="--python")
    weights = None if model is None else Path(model).expanduser()
    found = _rehearsed(spec, sets, target, split, asked, text=text, weights=weights)
    told = findings(found)
    if html is not None:
        from toolspec.cli.rehearse_page import write_page

        write_page(Path(html), found, told)
    if form == "json":
        from toolspec.cli.rehearse_document import document

        print_json(document(found, told))
    else:
        from toolspec.cli.rehearse_text import lines

        print("\n".join(lines(spec, found, told, every=every)))
        if html is not None:
            print(f"page  {html}")
    return 1 if any(one.severity == "error" for one in told) else 0


def _rehearsed(
    spec: str,
    sets: tuple[str, ...],
    target: str | None,
    split: str,
    asked: Asked,
    *,
    text: bool,
    weights: Path | None,
) -> Rehearsal:
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.rehearsal.authors import ModelError
    from toolspec.backends.verl.rehearsal.experiment import experiment_of
    from toolspec.backends.verl.rehearsal.rehearse import rehearse as rehearsed
    from toolspec.cli.progress import Progress
    from toolspec.compiler.chat.process import ChatError
    from toolspec.compiler.scratch import scratch
    from toolspec.specs.problem import Problem, ProblemError

    compiled = compile_spec(Path(spec), sets, target, writing=False)
    with scratch(Path(tempfile.gettempdir())) as place:
        experiment: Experiment = experiment_of(compiled, split, place / "model", text, asked.engine, weights)
        if asked.engine == "verl" and experiment.model.why_not:
            message = f"verl's loop needs the model's own tokenizer: {experiment.model.why_not}"
            problem = Problem(
                "TS044", "no-chat-template", message, compiled.place("model.path"), fix=experiment.model.fix
            )
            raise ProblemError((problem,))
        bundle = place / "bundle"
        bundle.mkdir()
        try:
            with Progress("episodes") as progress:
                return rehearsed(experiment, asked, bundle, progress)
        except ModelError as error:
            message = f"the model {weights} cannot be used: {error}"
            fix = (
                "pip install torch transformers there, or --python PATH that has them"
                if " has no " in str(error)
                else ""
            )
            raise ProblemError((Problem("TS041", "model-files", message, None, fix=fix),)) from None
        except ChatError as error:
            message = f"the chat template or the tokenizer cannot be used: {error}"
            raise ProblemError(
                (
                    Problem(
                        "TS216", "prompts-not-counted", message, compiled.place("model.path"), fix="--text"
                    ),
                )
            ) from None
