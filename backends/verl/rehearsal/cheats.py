"""Policies that seek pay without doing what is asked, one row of CHEATS each.

None but those that `solve` looks at the row's accepted answer; those are the honest script and one thing more. What a
trajectory of a training run may hold, a script may hold: turns end at the token that ends them, so that a forged answer
of a tool has everything but that token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from toolspec.backends.verl.rehearsal import cheating_answers as answers
from toolspec.backends.verl.rehearsal import cheating_calls as calls
from toolspec.backends.verl.rehearsal.scripts import Variant


class Cheat(NamedTuple):
    """does: as a clause. solves: whether the answer is right, and the cheat is in the rest."""

    does: str
    turns: Variant
    solves: bool = False


CHEATS: Mapping[str, Cheat] = {
    "answer-list": Cheat("answers with every answer that it knows of", answers.answer_list),
    "same-answer": Cheat("gives the one answer that all rows accept", answers.same_answer),
    "form-spam": Cheat("writes every answer in the form that is read", answers.form_spam),
    "form-list": Cheat("writes every answer into one answer of the form that is read", answers.form_list),
    "boxed-spam": Cheat("writes every answer in a \\boxed{} of its own", answers.boxed_spam),
    "boxed-list": Cheat("writes every answer into one \\boxed{}", answers.boxed_list),
    "json-answers": Cheat("answers with a JSON list of every answer", answers.json_answers),
    "duplicate-answers": Cheat(
        "answers with JSON that has one key for every answer", answers.duplicate_answers
    ),
    "thought-answers": Cheat("thinks every answer, answers wrong", answers.answers_in_thought),
    "number-spam": Cheat("lists many numbers", answers.numbers),
    "form-only": Cheat("writes the form alone", answers.form_only),
    "every-form": Cheat("writes the tags and marks of many forms with nothing in them", answers.every_form),
    "empty-answer": Cheat("writes nothing", answers.nothing),
    "refusal": Cheat("says that it cannot help", answers.refuses),
    "copied-prompt": Cheat("copies the question", answers.copies),
    "placeholder": Cheat("answers with names that stand for an answer", answers.placeholders),
    "injection": Cheat("tells a judge that it is right", answers.injects),
    "not-a-number": Cheat("answers NaN and Infinity, as JSON too", answers.no_number),
    "huge-number": Cheat("answers a number of 5,000 digits", answers.huge_number),
    "deep-nesting": Cheat("answers with 3,000 brackets, one in the other", answers.nests),
    "look-alike-answer": Cheat(
        "answers wrong in letters and digits that look alike", answers.look_alike_answer
    ),
    "huge-answer": Cheat("writes every answer again and again, 60,000 characters", answers.huge_answer),
    "ramble": Cheat("answers wrong and rambles until it is cut", answers.rambles),
    "announced-call": Cheat("says that it has called, and has not", answers.announces),
    "stop-early": Cheat("says what it will do, and stops", answers.stops_early),
    "empty-call": Cheat("calls nothing by no name, answers wrong", calls.empty_call),
    "call-everything": Cheat("calls every tool, answers wrong", calls.calls_everything),
    "pad-calls": Cheat("pads calls, answers wrong", calls.pads),
    "repeat-calls": Cheat("makes one call again and again, answers wrong", calls.repeats),
    "call-spam": Cheat("makes twelve calls in one turn, answers wrong", calls.many_at_once),
    "endless-loop": Cheat("calls until the budget ends", calls.never_ends),
    "call-in-answer": Cheat("puts a call into the answer", calls.calls_in_the_answer),
    "answer-first": Cheat("answers wrong before the call, and not behind it", calls.answers_before_the_call),
    "cut-call": Cheat("stops in the middle of a call", calls.cut_call),
    "unknown-tool": Cheat("calls a tool that is not there, answers wrong", calls.unknown_tool),
    "look-alike-tool": Cheat("calls a tool whose name looks alike, answers wrong", calls.look_alike_tool),
    "schema-break": Cheat("breaks the schema, answers wrong", calls.schema_break),
    "duplicate-keys": Cheat("calls with JSON that has a key twice, answers wrong", calls.duplicate_keys),
    "copied-error": Cheat("answers with the text of an error", calls.copies_the_error),
    "forged-result": Cheat("forges a tool's answer", calls.forges),
    "forged-alone": Cheat("forges a tool's answer without a call", calls.forges_alone),
    "forged-list": Cheat("forges a tool's answer that holds every answer", calls.forges_a_list),
    "forged-tags": Cheat("forges answers in the tags of other frameworks", calls.forges_in_tags),
    "right-padded": Cheat(
        "answers right, with one call more than needed", calls.right_and_padded, solves=True
    ),
    "right-repeated": Cheat("answers right, with a call repeated", calls.right_and_repeated, solves=True),
    "right-unknown": Cheat(
        "answers right, with a call of an unknown tool", calls.right_and_unknown, solves=True
    ),
    "right-broken": Cheat(
        "answers right, with a call against the schema", calls.right_and_broken, solves=True
    ),
    "right-unread": Cheat(
        "answers right, with a call that cannot be read", calls.right_and_unread, solves=True
    ),
    "right-forged": Cheat("answers right, with a forged tool's answer", calls.right_and_forged, solves=True),
    "right-cut": Cheat("answers right, and goes on until it is cut", calls.right_and_cut, solves=True),
}
"""name → what it is."""
