"""Whether the rows and the plan fit: enough rows for a step, a loop that calls the tools, a scorer that knows them.

Asked when the bundle is written, of the rows that verl will read: the converted ones, or files in verl's layout as
they are. Of those only the head and single columns are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.backends.verl.releases import Release
from toolspec.compiler.facts.data import SourceFacts
from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.prompt_tokens import left_out
from toolspec.specs.problem import Problem, Span

Place = Callable[[str], Span | None]
SHOWN = 4  # names in a message


def misfits(
    plan: Plan, config: VerlConfig, facts: Facts, converted: Mapping[str, Any] | None, place: Place
) -> tuple[Problem, ...]:
    """The problems, each at the setting that does not fit.

    converted: what the conversion reported of each file, None where verl reads the files as they are. Rows that are not
    on this machine's disk, or that a class of the user's makes, are not judged.
    """
    files = converted if converted is not None else {}
    found: list[Problem] = []
    dropped = left_out(facts.prompts or {}, plan["budget.prompt_tokens"])
    found += _kept_after_all(config, dropped, place)
    for split, sources in (("train", facts.data.train), ("val", facts.data.val)):
        report = files.get(f"{split}.parquet")
        if report is None and (not sources or not all(source.files for source in sources)):
            continue
        if split == "train":
            rows = _count(sources) if report is None else report["rows"]
            found += _too_few(plan, config, rows - dropped.get("train", 0), place)
        if report is None:
            found += _other_loops(plan, config.release, sources, place)
            found += _uncounted(plan, split, sources, place)
        if "reward.correct.match" in plan and plan["reward.correct.match"] == "verl":
            names = _values(sources, "data_source") if report is None else report["data_sources"]
            found += _unscored(config.release, split, names, place)
    return tuple(found)


FILTER = "data.filter_overlong_prompts"


def _kept_after_all(config: VerlConfig, dropped: Mapping[str, int], place: Place) -> Iterator[Problem]:
    """Rows that are to be left out, and an override that keeps them."""
    rows = sum(dropped.values())
    setting = config.settings[FILTER]
    if not rows or setting.value is True:
        return
    yield Problem(
        "TS215",
        "prompts-left-out",
        f"{rows:,} rows do not fit in `budget.prompt_tokens`, and {FILTER}={setting.value} keeps them",
        setting.decision.span or place("budget.prompt_tokens"),
        f"overrides.{FILTER}",
        why="the run stops at one (verl 0.7.1), or it loses its beginning: the system prompt and the tools",
        fix="drop the override, or prompt_tokens: auto, which every row fits",
    )


def _too_few(plan: Plan, config: VerlConfig, rows: int, place: Place) -> Iterator[Problem]:
    """The trainers drop an incomplete batch (drop_last; ray_trainer.py:350 of 0.7.1, v1/trainer_base.py:747 of 0.9.1).

    A filter on v1 draws prompts singly, over the epoch's end, and a run of so many steps then has them.
    """
    said = {key: setting.value for key, setting in config.settings.items()}
    batch = said["data.train_batch_size"]
    singly = said.get("algorithm.filter_groups.enable") and plan["train.trainer"] == "v1"
    if rows >= batch or (singly and said.get("trainer.total_training_steps")):
        return
    yield Problem(
        "TS621",
        "fewer-rows-than-a-step",
        f"a step takes {batch:,} prompts, and there are {rows:,} training rows",
        place("algorithm.batch") or place("data.train"),
        "algorithm.batch",
        why="verl drops an incomplete batch, so that an epoch has no step",
        fix=f"algorithm.batch: {rows}, or fewer" if rows else "",
    )


def _other_loops(
    plan: Plan, target: Release, sources: Iterable[SourceFacts], place: Place
) -> Iterator[Problem]:
    """The column `agent_name` wins over the configured loop (agent_loop.py of each release, `_run_agent_loop`)."""
    known = {*target.enums["agent_loop"], plan["agent.loop"]}
    for source in sources:
        for name in sorted(_values([source], "agent_name")):
            if name in known and (not plan["tools.names"] or name == plan["agent.loop"]):
                continue
            calls = name in known
            yield Problem(
                "TS622",
                "rows-of-another-loop",
                f"rows of {source.pattern} have `agent_name: {name}`; the spec's loop is {plan['agent.loop']}",
                place(source.path),
                source.path,
                why="the column wins over the configuration, and "
                + ("that loop calls no tool" if calls else f"verl {target.version} has no such loop"),
                fix=f"drop the column, or write {plan['agent.loop']} into it",
            )


def _unscored(target: Release, split: str, names: Iterable[str], place: Place) -> Iterator[Problem]:
    known = target.enums["scored_data_source"]
    unknown = sorted(name for name in names if not any(fnmatchcase(name, each) for each in known))
    if unknown:
        shown = ", ".join(unknown[:SHOWN]) + (", …" if len(unknown) > SHOWN else "")
        yield Problem(
            "TS623",
            "no-scorer",
            f"verl {target.version} has no scorer for the data source of {split} rows: {shown}",
            place("reward.correct.match"),
            "reward.correct.match",
            why=f"its scorers go by the row's data_source: {', '.join(known)}",
            fix="another `match`, or `source` in data: the name of the set that is scored alike",
        )


NEEDED = "extra_info.needed_calls"
FREE = "reward.extra_call.free"


def _uncounted(plan: Plan, split: str, sources: Iterable[SourceFacts], place: Place) -> Iterator[Problem]:
    """Rows without the number of calls that `extra_call` goes by (ts_terms/extra_call.py). Converted rows have it."""
    if FREE not in plan or plan[FREE] != "needed_calls":
        return
    for source in sources:
        for file in source.files:
            bad, rows, first = _without_number(file)
            if not bad:
                continue
            yield Problem(
                "TS627",
                "needed-calls-missing",
                f"{bad:,} of {rows:,} {split} rows in {file.name} have no number of calls in {NEEDED}; the first is "
                f"row {first:,}",
                place(FREE),
                FREE,
                why="each of their trajectories would be a fault of the reward",
                fix="free: 1, or write the number into every row",
            )


def _without_number(file: Path) -> tuple[int, int, int]:
    """(rows without a whole number from 0 on, rows, number of the first such row from 1 on)."""
    import pyarrow.parquet as pq

    column, leaf = NEEDED.split(".")
    bad, row, first = 0, 0, 0
    with pq.ParquetFile(file) as parquet:
        rows = parquet.metadata.num_rows
        names = {parquet.schema.column(index).path for index in range(len(parquet.schema))}
        if NEEDED not in names:
            return rows, rows, 1
        for batch in parquet.iter_batches(columns=[NEEDED]):
            for cell in batch.column(column).to_pylist():
                row += 1
                if not _is_number_of_calls((cell or {}).get(leaf)):
                    bad, first = bad + 1, first or row
    return bad, rows, first


def _is_number_of_calls(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)
    )


def _count(sources: Iterable[SourceFacts]) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for source in sources for file in source.files)


def _values(sources: Iterable[SourceFacts], column: str) -> set[str]:
    """The different texts of a column; without any where a file does not have it. In bounded memory."""
    found: set[str] = set()
    for source in sources:
        for file in source.files:
            found |= _of_file(file, column)
    return found


def _of_file(file: Path, column: str) -> set[str]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        if column not in parquet.schema_arrow.names:
            return set()
        values: set[Any] = set()
        for batch in parquet.iter_batches(columns=[column]):
            values |= set(batch.column(0).unique().to_pylist())
    return {value for value in values if isinstance(value, str)}
