"""The model that a key names: a directory, the local Hugging Face cache, or the catalogue."""

from __future__ import annotations

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.architecture import ModelFacts
from toolspec.compiler.facts.model import model_facts
from toolspec.specs.problem import ProblemError

MODEL_PATH = "actor_rollout_ref.model.path"


def read_model(view: View, key: str) -> ModelFacts:
    """Raises NotKnownError where the model is known nowhere."""
    name = view.text(key)
    if not name or "$" in name:
        raise NotKnownError(f"the model of {key}")
    spec = view.run.spec
    own = spec.config.settings.get(key) if spec is not None and key == MODEL_PATH else None
    if spec is not None and spec.facts.model is not None and own is not None and own.plan != "overrides":
        known: ModelFacts = spec.facts.model
        return known  # the key names it from the bundle's folder, the spec from its own
    directory = view.path(name)
    try:
        where = str(directory) if directory is not None else name
        return view.files.once(
            f"model {where}",
            view.run.folder,
            lambda: model_facts(where, None, view.run.folder, suggest=False),
        )
    except ProblemError as error:
        found = error.problems[0]
        if directory is not None and directory.is_dir() and found.name == "model-files":
            raise NotKnownError(f"the model {name} with readable files ({found.message})") from None
        raise NotKnownError(f"the model {name}: a directory, or `toolspec fetch {name}`") from None
