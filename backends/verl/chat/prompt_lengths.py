"""Tokens of the first prompts of a run, as verl's dataset counts them when it drops the long ones."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence

from toolspec.backends.verl.chat.lengths import LONGEST, Lengths, LongRow, Model, lengths
from toolspec.backends.verl.chat.prompts import PromptRows, Split, prompt_rows
from toolspec.backends.verl.chat.subject import Subject, missing
from toolspec.compiler.chat.distribution import Distribution
from toolspec.compiler.chat.folder import ChatFolder
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
    rows = prompt_rows(subject, split)
    identity = _identity(subject, tokenizer_folder(subject), rows)
    if identity not in _kept:
        _kept[identity] = subject_lengths(subject, rows).distribution
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(identity)
    return _kept[identity]


def subject_lengths(
    subject: Subject,
    rows: PromptRows,
    limit: int | None = None,
    sample: int | None = None,
    kept: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Lengths:
    """`lengths` of a subject's rows, and raises what it does; where two templates see a prompt, the longer length."""
    folder = tokenizer_folder(subject)
    found = [
        lengths(
            Model(folder, template, tuple(subject.schemas), subject.variables),
            rows,
            limit,
            sample,
            kept,
            progress,
        )
        for template in templates(subject, folder)
    ]
    return found[0] if len(found) == 1 else _longer(found)


def tokenizer_folder(subject: Subject) -> ChatFolder:
    """Raises ProblemError (TS044) where there is no tokenizer at hand, or none whose ids are known."""
    folder = subject.folder
    if folder is None or folder.tokenizer is None:
        raise missing(subject.file, f"the tokenizer.json of {subject.owner}", subject.owner)
    if folder.unknown:
        raise missing(subject.file, f"a tokenizer whose ids are known: {folder.unknown}", "")
    note(folder.tokenizer, "stamp")
    return folder


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


def _longer(found: Sequence[Lengths]) -> Lengths:
    """One of several over the same rows: each row's largest length, refused where one template refuses it."""
    first = found[0]
    refused = {row: why for one in reversed(found) for row, why in one.distribution.refused}
    tokens: dict[int, int] = {}
    for one in found:
        for row, length in zip(one.distribution.rows, one.distribution.lengths, strict=True):
            if row not in refused:
                tokens[row] = max(length, tokens.get(row, 0))
    rows = sorted(tokens)
    longest = {one.row: one for each in reversed(found) for one in each.longest if one.row in tokens}
    described = sorted((one._replace(tokens=tokens[one.row]) for one in longest.values()), key=_longest_first)
    shown = {one.row: one for each in found for one in each.refused}
    looked_at = first.sampled or first.total
    return first._replace(
        distribution=Distribution(
            tuple(tokens[row] for row in rows), tuple(rows), tuple(sorted(refused.items()))
        ),
        by_bytes=looked_at - len(tokens) - len(refused),
        most_bytes=max(one.most_bytes for one in found),
        longest=tuple(described[:LONGEST]),
        refused=tuple(shown[row] for row in sorted(shown))[:LONGEST],
    )


def _longest_first(row: LongRow) -> tuple[int, int]:
    return -row.tokens, row.row


def _identity(subject: Subject, folder: ChatFolder, rows: PromptRows) -> str:
    parts = [
        repr(folder),
        stamp(str(folder.tokenizer)),
        *templates(subject, folder),
        json.dumps([subject.schemas, dict(subject.variables)], default=repr),
        rows.identity(),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
