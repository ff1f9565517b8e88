"""Tokens of the first prompts of a run, as verl's dataset counts them when it drops the long ones."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator

from toolspec.backends.verl.chat.prompts import PromptRows, Split, prompt_rows, read_prompts
from toolspec.backends.verl.chat.subject import Subject, missing
from toolspec.compiler.chat.counting import counted
from toolspec.compiler.chat.distribution import Distribution, distribution
from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.process import ChatError, Failure
from toolspec.specs.reads import note, stamp

FILTERS_BY_THE_MODELS_OWN = frozenset({"0.7.1", "0.8.0"})
"""Releases whose dataset does not get model.custom_chat_template, which the agent loop does.

Source: the tokenizer of create_rl_dataset: hf_tokenizer(model.path) (0.7.1: trainer/main_ppo.py:315; 0.8.0: :271,
main_ppo_sync.py:538); 0.9.1 takes that of the model's config (main_ppo_v0.py:190, ppo/v1/trainer_base.py:704).
"""
MOST_KEPT = 16
_kept: OrderedDict[str, Distribution] = OrderedDict()


def prompt_lengths(subject: Subject, split: Split) -> Distribution:
    """The lengths of a split; where two templates see a prompt, the longer. Counted once a process for the same input.

    Raises ProblemError: no tokenizer, template or rows at hand (TS044, TS047), rows that cannot be read; ChatError
    where template or tokenizer do not answer within their limits.
    """
    folder = subject.folder
    if folder is None or folder.tokenizer is None:
        raise missing(subject.file, f"the tokenizer.json of {subject.owner}", subject.owner)
    note(folder.tokenizer, "stamp")
    rows = prompt_rows(subject, split)
    seen_by = templates(subject, folder)
    identity = _identity(subject, folder, seen_by, rows)
    if identity not in _kept:
        _kept[identity] = distribution(list(_counts(subject, folder, seen_by, rows)))
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(identity)
    return _kept[identity]


def templates(subject: Subject, folder: ChatFolder) -> tuple[str, ...]:
    """The templates that a prompt is rendered with: by the agent loop, and by the dataset where that is another.

    Raises ProblemError (TS044) where the model has none, and the dataset of the release would use it.
    """
    if not subject.custom or subject.release not in FILTERS_BY_THE_MODELS_OWN:
        return (subject.template,)
    own = folder.template(bool(subject.tools))
    if own is None:
        what = f"a chat template of the model's own, by which verl {subject.release} drops long prompts"
        raise missing(subject.file, what, "")
    return tuple(dict.fromkeys((subject.template, own)))


def _counts(
    subject: Subject, folder: ChatFolder, seen_by: tuple[str, ...], rows: PromptRows
) -> Iterator[int | Failure]:
    columns = [
        counted("counts", folder, template, read_prompts(subject, rows), subject.schemas, subject.variables)
        for template in seen_by
    ]
    for row, counts in enumerate(zip(*columns, strict=True)):
        failures = [one for one in counts if isinstance(one, Failure)]
        if failures and failures[0].limit:
            raise ChatError(f"row {row}: {failures[0].reason}", limit=True)
        numbers = [one for one in counts if isinstance(one, int)]
        yield failures[0] if failures else max(numbers)


def _identity(subject: Subject, folder: ChatFolder, seen_by: tuple[str, ...], rows: PromptRows) -> str:
    parts = [
        repr(folder),
        stamp(str(folder.tokenizer)),
        *seen_by,
        json.dumps([subject.schemas, dict(subject.variables)], default=repr),
        rows.identity,
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
