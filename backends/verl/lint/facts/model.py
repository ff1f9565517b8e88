"""The model that a key names: a directory, the local Hugging Face cache, or the catalogue."""

from __future__ import annotations

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.architecture import ModelFacts
from toolspec.compiler.facts.model import model_facts
from toolspec.specs.problem import ProblemError

PATH = "actor_rollout_ref.model.path"


def read_model(view: View, key: str) -> ModelFacts:
    """Raises NotKnownError where the model is known nowhere."""
    own = _of_spec(view, key)
    if own is not None:
        return own
    name = view.text(key)
    if not name or "$" in name:
        raise NotKnownError(f"the model of {key}")
    directory = view.path(name)
    try:
        where = str(directory) if directory is not None else name
        return view.files.once(
            f"model {where}",
            view.run.folder,
            lambda: model_facts(where, None, view.run.folder, suggest=False),
        )
    except ProblemError:
        raise NotKnownError(f"the model {name}: a directory, or `toolspec fetch {name}`") from None


def _of_spec(view: View, key: str) -> ModelFacts | None:
    """The model that a spec names: what is lowered is its place as seen from the bundle."""
    compiled = view.run.spec
    if compiled is None or key != PATH or compiled.config.settings[key].plan == "overrides":
        return None
    found: ModelFacts | None = compiled.facts.model
    return found
