"""Settings of the data loaders that stop them.

`filter_overlong_prompts_workers` is a number of processes from 0 on, and so is `dataloader_num_workers`. The curriculum
sampler of 0.7.1 wants no loader processes. A `custom_cls` needs both path and name.

Why: the run stops when it makes its data loaders.
Source: utils/dataset/rl_dataset.py:131 (0.7.1), :163 (0.9.1) and datasets 5.2.0 (`num_proc must be >= 0`, run);
trainer/main_ppo.py:418 (0.7.1); torch.utils.data.DataLoader
Bad:
    data.filter_overlong_prompts=True data.filter_overlong_prompts_workers=-1
Good:
    data.filter_overlong_prompts=True data.filter_overlong_prompts_workers=8
Bad (verl 0.7.1):
    data.sampler.class_path=sampler.py data.sampler.class_name=Hardest
    --- sampler.py
    from verl.experimental.dataset.sampler import AbstractCurriculumSampler


    class Hardest(AbstractCurriculumSampler):
        pass
Bad:
    data.dataloader_num_workers=-1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS634", "loader-settings", "error")

FILTER, LOADER = "data.filter_overlong_prompts_workers", "data.dataloader_num_workers"


def check(view: View) -> Iterator[Found]:
    if not view.value("data.custom_cls.path") and view.value("data.filter_overlong_prompts"):
        workers = view.value(FILTER)
        if isinstance(workers, int) and not isinstance(workers, bool) and workers < 0:
            yield Found(
                f"{FILTER} is {workers}",
                (FILTER,),
                fix=f"{FILTER}=8",
                why="the data sets library takes a number from 0 on, or null, and stops",
            )
    processes = view.value(LOADER)
    if isinstance(processes, int) and processes < 0:
        yield Found(f"{LOADER} is {processes}", (LOADER,), fix=f"{LOADER}=8", why="torch raises ValueError")
    if not view.at_least("0.8.0") and view.value("data.sampler.class_path") and processes != 0:
        yield Found(
            f"a sampler is set and {view.shown(LOADER)}",
            (LOADER, "data.sampler.class_path"),
            fix=f"{LOADER}=0",
            why="verl asserts 0, so that no batch is loaded before the sampler has seen the last one",
            span=view.span(LOADER, "data.sampler.class_path"),
        )
