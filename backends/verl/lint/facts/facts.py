"""The facts of one run, each read when a rule first asks for it. NotKnownError says what to provide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from toolspec.backends.verl.lint.not_known import NotKnownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolspec.backends.verl.lint.facts.environment import Environment
    from toolspec.backends.verl.lint.facts.function_tools import FunctionTool
    from toolspec.backends.verl.lint.facts.prompt_counts import PromptCounts
    from toolspec.backends.verl.lint.facts.reward import RewardFunction
    from toolspec.backends.verl.lint.facts.rows import Rows
    from toolspec.backends.verl.lint.facts.template import Template
    from toolspec.backends.verl.lint.facts.tools import ToolsFile
    from toolspec.backends.verl.lint.view import View
    from toolspec.compiler.facts.architecture import ModelFacts
    from toolspec.compiler.facts.catalogue import GpuFacts

T = TypeVar("T")


class Facts:
    """Facts of a view's run. A fact that cannot be had is remembered as well."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, Any] = {}

    def _once(self, name: str, read: Callable[[], T]) -> T:
        if name not in self._known:
            try:
                self._known[name] = read()
            except NotKnownError as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, NotKnownError):
            raise found.with_traceback(None)
        value: T = found
        return value

    def rows(self, split: str = "train") -> Rows:
        """The rows of `data.train_files` or `data.val_files`. Raises NotKnownError where they are not at hand."""
        from toolspec.backends.verl.lint.facts.rows import read_rows

        return self._once(f"rows {split}", lambda: read_rows(self._view, f"data.{split}_files"))

    def prompt_counts(self, split: Literal["train", "val"], limit: int) -> PromptCounts:
        """The prompts of a split that are longer than a limit. Raises NotKnownError where they cannot be counted."""
        from toolspec.backends.verl.lint.facts.prompt_counts import read_counts

        return self._once(f"counts {split} {limit}", lambda: read_counts(self._view, split, limit))

    def agent_names(self) -> set[str | None] | None:
        """The values of the column `agent_name`, {None} without one; None where the rows are not at hand."""
        try:
            rows = self.rows()
        except NotKnownError:
            return None
        return {row.get("agent_name") for row in rows.sample} or {None}

    def model(self, key: str = "actor_rollout_ref.model.path") -> ModelFacts:
        """What is known of the model that a key names. Raises NotKnownError."""
        from toolspec.backends.verl.lint.facts.model import read_model

        return self._once(f"model {key}", lambda: read_model(self._view, key))

    def template(self) -> Template:
        """The chat template of the run. Raises NotKnownError where neither its text nor the model is known."""
        from toolspec.backends.verl.lint.facts.template import read_template

        return self._once("template", lambda: read_template(self._view))

    def reward(self) -> RewardFunction | None:
        """The user's reward function, None without one. Raises NotKnownError where its source is not at hand."""
        from toolspec.backends.verl.lint.facts.reward import read_reward

        return self._once("reward", lambda: read_reward(self._view))

    def tools_file(self) -> ToolsFile | None:
        """The file of `multi_turn.tool_config_path`; None where none is named. Raises NotKnownError."""
        from toolspec.backends.verl.lint.facts.tools import read_tools_file

        return self._once("tools file", lambda: read_tools_file(self._view))

    def function_tools(self) -> tuple[FunctionTool, ...] | None:
        """The functions of `multi_turn.function_tool_path`; None where none is named. Raises NotKnownError."""
        from toolspec.backends.verl.lint.facts.function_tools import read_function_tools

        return self._once("function tools", lambda: read_function_tools(self._view))

    def gpu(self) -> GpuFacts:
        """The GPU that the run is given. Raises NotKnownError where neither spec nor script says it."""
        from toolspec.backends.verl.lint.facts.gpu import read_gpu

        return self._once("gpu", lambda: read_gpu(self._view))

    def environment(self) -> Environment:
        """The packages that files beside the input list. Raises NotKnownError where there are none."""
        from toolspec.backends.verl.lint.facts.environment import read_environment

        return self._once("environment", lambda: read_environment(self._view))
