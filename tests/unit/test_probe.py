"""What cheating pays: scripts that the loop accepts, rewards that misbehave, and what is made of what is paid."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal_spec import write_spec
from tiny_model import write_model
from toolspec.backends.verl.agent_loop import ChatTokens
from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.parsers import FORMATS
from toolspec.backends.verl.probe.experiment import without_tools
from toolspec.backends.verl.probe.prober import LIMITS, PLAYED, Probe, probed
from toolspec.backends.verl.probe.table import table_of
from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.experiment import experiment_of
from toolspec.backends.verl.rehearsal.rehearse import Asked
from toolspec.backends.verl.rehearsal.result_form import result_form
from toolspec.backends.verl.rehearsal.scripts import PLAIN_RESULT
from toolspec.cli.app import run as main
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatProcess

pytestmark = pytest.mark.slow

PLAIN = "{correct: {weight: 1, match: number}}"
ROWS = 2


def played(spec: Path, *, rows: int = ROWS, policies: tuple[str, ...] = PLAYED, text: bool = False) -> Probe:
    place = spec.parent / "work"
    (place / "bundle").mkdir(parents=True, exist_ok=True)
    experiment = experiment_of(compile_spec(spec, writing=False), "train", place / "stand-in", text)
    asked = Asked(rows, policies, 0, sys.executable, LIMITS)
    return probed(without_tools(experiment), asked, place / "bundle")


FORMATS_BY_RELEASE = [
    (form, release)
    for form in FORMATS
    for release in ("0.7.1", "0.8.0", "0.9.1")
    if release in FORMATS[form].releases
]


@pytest.mark.parametrize(("form", "release"), FORMATS_BY_RELEASE)
def test_every_policy_makes_a_trajectory_in_every_format(form: str, release: str, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, release=release, reward=PLAIN)
    spec.write_text(spec.read_text("utf-8").replace("tool_format: hermes", f"tool_format: {form}"), "utf-8")
    probe = played(spec, rows=1)
    lost = {one.policy: one.lost.reason for one in probe.episodes if one.lost is not None}
    # Arguments that are no JSON have no key twice; the form has no tags; the rows have different answers.
    assert lost.keys() <= {"duplicate-keys", "form-list", "same-answer"}, lost
    for one in probe.episodes:
        assert len(one.mask) == len(one.response_ids)
        assert one.scored is None or (one.scored.fault is None and one.stop)
    table = table_of(probe)
    assert not table.paying
    assert table.honest == 1


RUN = """\
python3 -m verl.trainer.main_ppo data.train_files=train.jsonl data.val_files=train.jsonl \\
    actor_rollout_ref.model.path=Qwen/Qwen2.5-7B-Instruct actor_rollout_ref.rollout.name=sglang \\
    actor_rollout_ref.rollout.multi_turn.enable=True \\
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=4 \\
    actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml \\
    actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent \\
    reward.custom_reward_function.path=reward.py +reward.custom_reward_function.reward_kwargs.bonus=0.25
"""
TOOLS = """\
tools:
  - class_name: tools.Calculator
    config: {type: native}
    tool_schema:
      type: function
      function: {name: calc, description: Computes., parameters: {type: object, properties: {x: {type: string,
        description: What.}}, required: [x]}}
"""
HEAD = "import os, re, sys, time\n\n\ndef compute_score(data_source, solution_str, ground_truth, extra_info, bonus):\n"
LAST_LINE = 'right = solution_str.strip().split("\\n")[-1] == ground_truth\n'


def write_run(folder: Path, body: str, script: str = RUN) -> Path:
    lines = [
        json.dumps(
            {
                "data_source": "openai/gsm8k",
                "prompt": [{"role": "user", "content": f"What is {at}*37?"}],
                "reward_model": {"style": "rule", "ground_truth": str(at * 37 + 100)},
                "extra_info": {"index": at},
            }
        )
        for at in range(6)
    ]
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    for name, text in {
        "train.jsonl": "\n".join(lines), "tools.yaml": TOOLS, "reward.py": HEAD + indented, "run.sh": script,
    }.items():  # fmt: skip
        (folder / name).write_text(text, "utf-8")
    return folder / "run.sh"


def called(capsys: Any, monkeypatch: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(sys, "argv", ["toolspec", "reward", *arguments, "--probe", "--format", "json"])
    code = main()
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def policies(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["policy"]: one for one in found["probe"]["policies"]}


HOSTILE = {
    "time.sleep(1000)": ("reward-hangs", "it takes more than 1 s"),
    "while True: pass": ("reward-hangs", "it takes more than 1 s"),
    "os._exit(3)": ("reward-crashes", "ended with code 3"),
    "os.kill(os.getpid(), 11)": ("reward-crashes", "segmentation fault"),
    "return bytearray(1 << 40)": ("reward-fault", "MemoryError"),
    'raise KeyError("oops")': ("reward-fault", "KeyError: 'oops'"),
    "sys.exit(1)": ("reward-fault", "SystemExit: 1"),
    "return None": ("reward-fault", "TypeError"),
    'return "1.0"': ("reward-fault", "a score must be a number"),
    'return float("nan")': ("reward-fault", "a score must be finite"),
    'return {"acc": 1.0}': ("reward-fault", "KeyError: 'score'"),
    'return {"score": {"score": 1}}': ("reward-fault", "TypeError"),
    "return 0.5": ("answer-not-accepted", "0.5 against 0.5"),
}


@pytest.mark.parametrize("body", HOSTILE)
def test_a_reward_that_misbehaves_is_named(body: str, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    run = write_run(tmp_path, body)
    code, found = called(capsys, monkeypatch, str(run), "--timeout", "1", "--rows", "1", "--memory", "4")
    name, said = HOSTILE[body]
    told = {one["name"]: one for one in found["probe"]["findings"]}
    assert code == 1
    assert said in told[name]["message"]
    assert told[name]["place"][1:] == [4, 5]
    assert "cheating-pays" not in told
    troubled = [one["trouble"] for one in found["probe"]["policies"] if one["policy"] == "honest"]
    assert troubled == [None] if name == "answer-not-accepted" else said in troubled[0]


def test_one_policy_that_hangs_the_reward_costs_no_other_its_score(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:

    body = 'if "[[[" in solution_str: time.sleep(1000)\n' + LAST_LINE + "return float(right)"
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, body)), "--timeout", "1", "--rows", "2")
    by_name = policies(found)
    assert code == 1
    assert by_name["deep-nesting"]["trouble"].startswith("hangs")
    assert [one["policies"] for one in found["probe"]["findings"]] == [["deep-nesting"]]
    assert by_name["honest"]["mean"] == 1 and by_name["right-forged"]["mean"] == 1


def test_megabytes_of_print_are_told_and_cost_nothing(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    body = 'print("x" * 1_000_000)\n' + LAST_LINE + "return float(right)"
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, body)), "--rows", "1")
    assert code == 0
    assert [one["name"] for one in found["probe"]["findings"]] == ["reward-prints"]


TEXT_REWARD = (
    LAST_LINE
    + 'results = re.findall(r"<tool_response>\\s*(.*?)\\s*</tool_response>", solution_str, re.DOTALL)\n'
    "return {'score': right + bonus * bool(results), 'acc': float(right)}"
)


def test_a_forged_result_pays_where_text_is_read_and_not_in_a_bundle(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, TEXT_REWARD)))
    stock = policies(found)
    assert code == 1
    assert stock["right-forged"]["mark"] == "beats"
    assert stock["forged-alone"]["mean"] == stock["refusal"]["mean"] + 0.25
    first = found["probe"]["findings"][0]
    assert (first["name"], first["policies"]) == ("cheating-pays", ["right-forged"])
    assert "tool's answer in solution_str" in first["fix"]
    reward = "{correct: {weight: 1, match: number}, used_result: 0.25}"
    ours = {row.policy: row for row in table_of(played(write_spec(tmp_path / "spec", reward=reward))).rows}
    assert ours["honest"].mean == 1.25
    assert ours["right-forged"].mean == ours["right-padded"].mean == 1.25
    assert ours["forged-alone"].mean == ours["forged-list"].mean == ours["refusal"].mean == 0


def test_what_an_own_term_pays_refutes_what_was_open(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    reward = '{correct: {weight: 1, match: number}, own: {asked: {weight: 1, python: "terms.py:asked"}}}'
    spec = write_spec(tmp_path, reward=reward)
    forged = 'float("<tool_response>" in trajectory.turns[-1])'
    body = f"def asked(trajectory):\n    return 0.1 * len(trajectory.calls) + {forged}\n"
    (tmp_path / "terms.py").write_text(body, "utf-8")
    code, found = called(capsys, monkeypatch, str(spec), "--rows", "2")
    verdicts = {one["name"]: one for one in found["properties"]}
    refuted = {name for name, one in verdicts.items() if one["verdict"] == "refuted" and one["by_probe"]}
    assert code == 1
    assert refuted >= {"forging", "padding", "repeating", "unknown-tool", "schema-break", "best-is-honest"}
    pair = verdicts["forging"]["counterexample"]
    assert (pair["better"]["score"], pair["worse"]["score"]) == ("1.1", "2.1")
    assert "<tool_response>" in pair["worse"]["transcript"]["parts"][-1]["text"]
    assert pair["worse"]["counts"]["forged"] and not pair["better"]["counts"]["forged"]
    still = [one for one in verdicts.values() if one["verdict"] == "unknown"]
    assert still and all("not refuted by" in one["why"] for one in still)
    assert verdicts["matcher"]["verdict"] == "proved"


def test_a_function_that_looks_anywhere_takes_a_list_for_right(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    reward = '{correct: {weight: 1, match: python, python: "score.py:score"}}'
    spec = write_spec(tmp_path, reward=reward)
    head = "def score(data_source, solution_str, ground_truth, extra_info):\n"
    text = f"{head}    return float(ground_truth in solution_str)\n"
    (tmp_path / "score.py").write_text(text, "utf-8")
    code, found = called(capsys, monkeypatch, str(spec), "--rows", "3")
    matcher = next(one for one in found["properties"] if one["name"] == "matcher")
    assert (code, matcher["verdict"], matcher["by_probe"]) == (1, "refuted", True)
    (finding,) = [one for one in found["probe"]["findings"] if one["name"] == "cheating-pays"]
    assert "answer-list" in finding["policies"] and finding["term"] == "correct"
    assert "`match: python` takes its answer for right" in finding["message"]


def test_each_fix_ends_what_it_is_given_for(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    reward = "{correct: {weight: 1, match: number}, valid_call: {weight: 0.5, per: call}}"
    arguments = [str(write_spec(tmp_path, reward=reward)), "--rows", "1"]
    for policy, fix in (("call-spam", "only_if: correct"), ("right-padded", "per: once")):
        code, found = called(capsys, monkeypatch, *arguments)
        (finding,) = [one for one in found["probe"]["findings"] if one["name"] == "cheating-pays"][:1]
        assert (code, finding["term"]) == (1, "valid_call")
        assert policy in finding["policies"] and finding["fix"] == f"reward.valid_call.{fix}"
        assert finding["place"][1:] == [8, 59]
        arguments += ["--set", finding["fix"].replace(": ", "=")]
    assert called(capsys, monkeypatch, *arguments)[0] == 0


def test_calls_are_the_answer_where_the_row_asks_for_calls(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, reward="{correct: {weight: 1, match: calls}}")
    row = {"question": "Call it.", "answer": json.dumps([{"name": "tool", "arguments": {"x": "abc"}}])}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    rows = {one.policy: one for one in table_of(played(spec)).rows}
    assert rows["honest"].mean == 1 and rows["honest-no-call"].mean == 0
    assert rows["right-padded"].mean == rows["call-everything"].mean == 0


def _calls_spec(folder: Path, answers: list[list[dict[str, Any]]], **given: Any) -> Path:
    spec = write_spec(folder, reward="{correct: {weight: 1, match: calls}}", **given)
    rows = [{"question": f"Call {at}.", "answer": json.dumps(one)} for at, one in enumerate(answers)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return spec


def _call(x: str) -> dict[str, Any]:
    return {"name": "tool", "arguments": {"x": x}}


def test_the_rows_own_calls_are_no_wrong_answer(tmp_path: Path) -> None:
    """Some rows ask for no call: there every answer is right, and no cheat is told from an honest one."""
    spec = _calls_spec(tmp_path, [[], [_call("a")], [_call("b"), _call("c")], []])
    probe = played(spec, rows=2)
    table = table_of(probe)
    rows = {one.policy: one for one in table.rows}
    assert {one.row for one in probe.episodes} == {1, 2}
    assert rows["honest"].least == 1 and rows["honest-wrong"].most == 0
    assert table.accepted and not table.paying


def test_more_calls_than_rounds_stand_in_one_turn(tmp_path: Path) -> None:
    spec = _calls_spec(tmp_path, [[_call(str(at)) for at in range(5)], [_call("a")]])
    text = spec.read_text("utf-8").replace("rounds: 3", "rounds: 1")
    spec.write_text(text + "rollout: {parallel_calls: 5}\n", "utf-8")
    rows = {
        one.policy: one for one in table_of(played(spec, policies=("honest", "honest-wrong", "refusal"))).rows
    }
    assert rows["honest"].least == 1 and rows["honest-wrong"].most == 0


SUBSTRING = (
    'found = re.findall(r"<answer>(.*?)</answer>", solution_str, re.DOTALL)\n'
    "return float(bool(found) and str(ground_truth) in found[-1])"
)


def test_a_list_within_the_form_pays_where_the_answer_is_looked_for_in_it(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, SUBSTRING)), "--rows", "2")
    assert code == 1
    assert policies(found)["form-list"]["mean"] == 1 and policies(found)["form-spam"]["mean"] < 1


@pytest.mark.parametrize("same", [True, False])
def test_an_answer_that_all_rows_accept_is_played(
    same: bool, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    run = write_run(tmp_path, "return float(solution_str.strip() in ground_truth)")
    lines = (tmp_path / "train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for at, row in enumerate(rows):
        row["prompt"] = [{"role": "user", "content": f"Is it {at}?"}]
        row["reward_model"] = {"ground_truth": ["yes" if same else f"y{at}", f"no{at}"]}
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    code, found = called(capsys, monkeypatch, str(run), "--rows", "2")
    told = [one for one in found["probe"]["findings"] if one["name"] == "cheating-pays"]
    assert code == same
    assert [one["policies"] for one in told] == ([["same-answer"]] if same else [])


def test_the_answer_of_a_tool_is_none_of_the_policys(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    body = 'return float(re.findall(r"-?[0-9]+", solution_str)[-1:] == [str(ground_truth)])'
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, body)), "--rows", "1")
    told = [one for one in found["probe"]["findings"] if one["name"] == "cheating-pays"]
    assert code == 1
    assert any(
        "answer-first" in one["policies"] and "in what a tool returned" in one["message"] for one in told
    )


@pytest.mark.parametrize(
    ("body", "fix"),
    [("import not_there", "--python"), ('raise OSError("Network is unreachable")', "--network")],
)
def test_a_fault_says_what_to_give_and_no_answer_is_blamed(
    body: str, fix: str, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    code, found = called(capsys, monkeypatch, str(write_run(tmp_path, body)), "--rows", "1")
    told = {one["name"]: one for one in found["probe"]["findings"]}
    assert code == 1 and fix in told["reward-fault"]["fix"]
    assert "answer-not-accepted" not in told


def test_a_term_that_the_scorer_stops_waiting_for_hangs(tmp_path: Path) -> None:
    """As the bundle's scorer says it of a term, whose thread would run on through all that is scored later."""
    spec = write_spec(
        tmp_path, reward="{correct: {weight: 1, match: number}, own: {slow: {weight: 1, python: o.py:slow}}}"
    )
    fault = 'raise TimeoutError("slow did not answer within 10 seconds")'
    (tmp_path / "o.py").write_text(f"def slow(trajectory):\n    {fault}\n", "utf-8")
    probe = played(spec, rows=2)
    assert [one.lost.how for one in probe.episodes if one.lost is not None] == ["hung"] * 4
    assert len(probe.episodes) == 4, "each policy is given up at its first"


def test_an_old_name_that_the_release_does_not_read_is_told(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    run = write_run(tmp_path, "return 1.0")
    run.write_text(run.read_text("utf-8").replace("reward.custom_reward", "custom_reward"), "utf-8")
    monkeypatch.setattr(sys, "argv", ["toolspec", "reward", str(run), "--probe", "--target", "verl==0.9.1"])
    assert main() == 1
    assert "reads no `custom_reward_function.path`" in capsys.readouterr().err


def test_without_data_rows_are_made_up_and_said_to_be(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    for match in ("choice", "json", "number"):
        spec = write_spec(tmp_path, reward=f"{{correct: {{weight: 1, match: {match}}}}}")
        text = spec.read_text("utf-8").replace("train: rows.jsonl, columns: {prompt: question, answer: answer}",
                                               "train: elsewhere.parquet")  # fmt: skip
        spec.write_text(text, "utf-8")
        code, found = called(capsys, monkeypatch, str(spec), "--rows", "2")
        assert (code, found["probe"]["honest"]) == (0, 1), match
        assert "made-up rows" in " ".join(found["probe"]["assumed"])
    run = write_run(tmp_path, LAST_LINE + "return float(right)", RUN.replace("train.jsonl", "gone.jsonl"))
    code, found = called(capsys, monkeypatch, str(run), "--rows", "1")
    assert code == 0 and "made-up rows" in " ".join(found["probe"]["assumed"])


def test_a_run_without_a_function_needs_verl(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    run = write_run(tmp_path, "return 1", RUN.partition("reward.custom")[0] + "reward.num_workers=1\n")
    code, found = called(capsys, monkeypatch, str(run))
    (finding,) = found["probe"]["findings"]
    assert (code, finding["name"]) == (1, "not-loaded")
    assert "--python" in finding["fix"]


def test_a_run_is_only_probed(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    run = write_run(tmp_path, "return 1.0")
    monkeypatch.setattr(sys, "argv", ["toolspec", "reward", str(run)])
    assert main() == 1
    assert "--probe" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["toolspec", "reward", str(run), "--probe", "--set", "name=x"])
    assert main() == 2


def test_a_reward_has_no_network(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = f'import socket\nsocket.create_connection(("127.0.0.1", {port}), 2).close()\n'
        run = write_run(tmp_path, body + LAST_LINE + "return float(right)")
        code, found = called(capsys, monkeypatch, str(run), "--rows", "1", "--network")
        assert (code, found["probe"]["honest"]) == (0, 1)
        code, found = called(capsys, monkeypatch, str(run), "--rows", "1")
    if found["probe"]["honest"] is not None:
        pytest.skip("this system gives nobody a network of their own")
    assert (
        "OSError" in found["probe"]["findings"][0]["message"]
        or "Error" in found["probe"]["findings"][0]["message"]
    )


def test_probe_text(goldens: Any, monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    import re

    monkeypatch.setenv("COLUMNS", "80")
    example = Path(__file__).parents[2] / "examples" / "calculator" / "exp.yaml"
    page = tmp_path / "page.html"
    arguments = ["toolspec", "reward", str(example), "--probe", "--text", "--rows", "2", "--html", str(page)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    text = capsys.readouterr().out.partition("probe of")[2].partition("page ")[0]
    goldens.check("calculator.txt", re.sub(r"\d\.\d s", "N s", f"probe of{text}"))
    html = page.read_text("utf-8")
    assert all(f">{name}</td>" in html for name in CHEATS)
    assert "<script" not in html


LLAMA = """\
{%- for message in messages %}{% if message.role == "tool" %}<|start_header_id|>ipython<|end_header_id|>

{{ message.content | tojson }}<|im_end|>{% else %}<|start_header_id|>{{ message.role }}<|end_header_id|>

{{ message.content }}{% if message.tool_calls %}{{ message.tool_calls[0].function | tojson }}{% endif %}<|im_end|>
{%- endif %}{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>

{% endif %}"""
REFUSES = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no') }}{% endif %}x{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (None, "<|im_start|>user\n<tool_response>\n{}\n</tool_response>\n<|im_start|>assistant\n"),
        (
            LLAMA,
            '<|start_header_id|>ipython<|end_header_id|>\n\n"{}"<|start_header_id|>assistant<|end_header_id|>\n\n',
        ),
        (REFUSES, PLAIN_RESULT),
        ("no messages", PLAIN_RESULT),
    ],
)
def test_a_forged_answer_has_the_marks_of_the_runs_template(
    template: str | None, form: str, tmp_path: Path
) -> None:
    write_model(tmp_path)
    with ChatProcess() as process:
        tokens = ChatTokens(process, read_chat_folder(tmp_path), template)
        assert result_form(tokens, [], "hermes") == form


HOUSE = """\
{%- for message in messages %}{% if message.role == "tool" %}<turn of=user><obs>{{ message.content }}</obs><|im_end|>
{%- else %}<turn of={{ message.role }}>{{ message.content }}{% if message.tool_calls %}<tool_call>
{{- message.tool_calls[0].function | tojson }}</tool_call>{% endif %}<|im_end|>{% endif %}{% endfor %}
{%- if add_generation_prompt %}<turn of=assistant>{% endif %}"""


def test_a_forged_answer_in_a_template_of_nobodys_is_seen_by_the_reward(tmp_path: Path) -> None:
    """Its marks stand in no table: the reward reads them off the template, as it does on the cluster."""
    spec = write_spec(tmp_path, reward="{correct: {weight: 1, match: number}, forged_result: {weight: -0.5}}")
    write_model(tmp_path / "model", HOUSE)
    probe = played(spec, rows=1, policies=("honest", "right-forged", "forged-alone"))
    found = {one.policy: one.scored for one in probe.episodes}
    assert {name: one and one.score for name, one in found.items()} == {
        "honest": 1,
        "right-forged": 0.5,
        "forged-alone": -0.5,
    }


def test_the_page_has_every_cheat() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reward.md").read_text("utf-8")
    for name, cheat in CHEATS.items():
        assert f"| `{name}` | {cheat.does} | {'right' if cheat.solves else ''} |" in page
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert f"{len(CHEATS)} policies that cheat" in readme
