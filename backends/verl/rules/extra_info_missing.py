"""A reward function reads a key of extra_info that nothing puts there.

extra_info is the row's column. `naive` and `remote` add num_turns, rollout_reward_scores and what the agent loop has
(turn_scores, tool_rewards), `rate_limited` only the latter, `gdpo` experiment_name, `dapo` nothing.

Why: every score is a KeyError: the run ends (V0), all groups fail (V1), or every reward is 0 (`rate_limited`).
Source: experimental/reward_loop/reward_manager/{naive,dapo,gdpo,limited,remote}.py run_single of each release; verl
PR 3563
Bad:
    reward.reward_manager.name=dapo
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right - 0.1 * max(0, extra_info["num_turns"] - 4), "acc": right}
Good:
    reward.reward_manager.name=naive
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right - 0.1 * max(0, extra_info["num_turns"] - 4), "acc": right}
Bad:
    reward.reward_manager.name=dapo
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": float(solution_str.endswith(extra_info["answer"]))}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, MANAGER
from toolspec.backends.verl.lint.facts.reads import extra_info_reads
from toolspec.backends.verl.lint.facts.reward import ADDED, OF_THE_LOOP, manager
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS409", "extra-info-missing", "error")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    name = manager(view)
    reads = extra_info_reads(function)
    if not name or not reads or f"{FUNCTION}.reward_kwargs.extra_info" in view.final:
        return
    added, open_ended = ADDED[name]
    wanted = [read for read in reads if read.key not in added]
    unknown: NotKnownError | None = None
    for read in {read.key: read for read in reversed(wanted)}.values():
        try:
            if _in_rows(view, read.key):
                continue
        except NotKnownError as error:
            if read.key not in OF_THE_LOOP:
                unknown = unknown or error
                continue
        if open_ended and read.key not in OF_THE_LOOP:
            continue  # a tool or a loop of the user's may set it
        severity: Severity | None = None if read.certain else "warning"
        instead = [other for other, (names, _) in ADDED.items() if read.key in names]
        yield Found(
            f"`{function.node.name}` reads extra_info[{read.key!r}], which the {name} manager does not add"
            + ("" if read.key in OF_THE_LOOP else " and the rows do not have"),
            ("reward.py", f"{MANAGER}.name"),
            fix=f"{MANAGER}.name={instead[0]}" if instead else f"extra_info.get({read.key!r}, …)",
            why="every score raises KeyError"
            + (", which this manager takes for a reward of 0" if name == "rate_limited" else ""),
            span=function.span(read.node),
            severity=severity,
        )
    if unknown is not None:
        raise unknown


def _in_rows(view: View, key: str) -> bool:
    """Whether some row has the key. Raises NotKnownError where the rows are not at hand."""
    rows = view.facts.rows()
    if any(isinstance(info, dict) and key in info for info in rows.values("extra_info")):
        return True
    if not rows.complete:
        raise NotKnownError("all rows of data.train_files")
    return False
