"""A secret that a spec writes out is refused wherever it stands, and no output of any command quotes it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from toolspec.specs.excerpt import render, to_json
from toolspec.specs.loading import load
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.secret import form_of, is_secret, masked, masked_line

SPEC = """\
toolspec: 1
name: x
model: Qwen/Qwen2.5-0.5B-Instruct
data: {train: rows.parquet}
tools: {look: {python: tools.py:look}}
reward: {correct: 1}
algorithm: grpo
"""
HEX = "0123456789abcdef0123456789abcdef01234567"
FORMS = (
    *("hf_AbCdEfGhIjKlMnOpQrStUvWxYz01234567", "sk-proj-Abcdefghijklmnop1234", "ghp_" + "a1B2" * 9),
    *("AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890-abcdef", "glpat-Abcdefghij1234567890"),
    *("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJ", "postgres://me:hunter2secret@host/db"),
    *("-----BEGIN OPENSSH PRIVATE KEY-----", "Bearer abcdefghijklmnop1234"),
)


def problems(folder: Path, text: str, *sets: str) -> tuple[Problem, ...]:
    (folder / "exp.yaml").write_text(text, "utf-8")
    with pytest.raises(ProblemError) as caught:
        load(folder / "exp.yaml", sets)
    sources = getattr(caught.value, "sources", {})
    shown = render(caught.value.problems, sources) + repr(to_json(caught.value.problems))
    for secret in (HEX, HEX[:12], *FORMS[:8], "hunter2secret", "nobody-knows"):
        assert secret not in shown
    return caught.value.problems


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (f"env: {{WANDB_API_KEY: {HEX}}}", "env.WANDB_API_KEY"),
        (f'env: [{{WANDB_API_KEY: "{HEX}"}}]', "env.0.WANDB_API_KEY"),
        (f"env: [WANDB_API_KEY={HEX}]", "env.0"),
        (f"env:\n  WANDB_API_KEY: >-\n    {HEX}", "env.WANDB_API_KEY"),
        ("env: {DB_PASSWORD: nobody-knows}", "env.DB_PASSWORD"),
        ('env: {HF_TOKEN: "${HF_TOKEN}"}', "env.HF_TOKEN"),
        ("env: {hf_token: nobody-knows}", "env.hf_token"),
        ("env: {CODE_SECRET: 123456789}", "env.CODE_SECRET"),
        *((f'env: {{PLAIN: "{form}"}}', "env.PLAIN") for form in FORMS),
        (f"env: [{FORMS[0]}]", "env.0"),
        (f"env: {{{FORMS[0]}: }}", "env"),
        (f'tracking: {{project: "{FORMS[1]}"}}', "tracking.project"),
        ("rollout: {engine_options: {api_key: nobody-knows}}", "rollout.engine_options.api_key"),
        (
            "overrides: {ray_kwargs.ray_init.runtime_env: {env_vars: {HF_TOKEN: nobody-knows}}}",
            "overrides.ray_kwargs.ray_init.runtime_env.env_vars.HF_TOKEN",
        ),
        ("sweep: {env.MY_KEY: [nobody-knows]}", "sweep.env.MY_KEY"),
        ("sweep: {zip: {env.MY_KEY: [nobody-knows]}}", "sweep.zip.env.MY_KEY"),
        (
            "sweep: {random: {points: 2, over: {env.MY_KEY: {choice: [nobody-knows]}}}}",
            "sweep.random.over.env.MY_KEY",
        ),
        (
            f"cluster: {{slurm: {{setup: ['export WANDB_API_KEY={HEX}']}}}}",
            "cluster.slurm.setup.0",
        ),
        (
            "cluster: {slurm: {extra: {auth-token: 1, password: nobody-knows}}}",
            "cluster.slurm.extra.password",
        ),
        (f"# for later: {FORMS[2]}", ""),
    ],
)
def test_a_secret_by_value_is_refused_at_its_place(more: str, path: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{SPEC}{more}\n")
    assert (problem.code, problem.name, problem.path) == ("TS034", "secret-by-value", path)
    assert problem.span is not None
    assert problem.span.line >= len(SPEC.splitlines()) + 1
    assert problem.fix


def test_a_tools_config_is_no_place_for_one(tmp_path: Path) -> None:
    text = SPEC.replace("tools.py:look", "tools.py:look, config: {client: {apiKey: nobody-knows}}")
    (problem,) = problems(tmp_path, text)
    assert problem.path == "tools.look.config.client.apiKey"
    assert "os.environ" in problem.fix


@pytest.mark.parametrize("setting", [f"env.WANDB_API_KEY={HEX}", f"env={{WANDB_API_KEY: {HEX}}}"])
def test_a_setting_is_masked_too(setting: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, SPEC, setting)
    assert problem.path == "env.WANDB_API_KEY"
    assert problem.span is not None
    assert problem.span.file == "--set"
    problems(tmp_path, SPEC, setting.replace("=", ":"))


def test_a_parents_secret_counts_where_the_child_takes_it_back(tmp_path: Path) -> None:
    """The bundle holds a copy of the parent."""
    (tmp_path / "base.yaml").write_text(f"env: {{WANDB_API_KEY: {HEX}}}\n", "utf-8")
    (problem,) = problems(tmp_path, f"{SPEC}extends: base.yaml\nenv: {{WANDB_API_KEY: }}\n")
    assert problem.span is not None
    assert problem.span.file.endswith("base.yaml")


def test_other_errors_are_told_beside_it_and_quote_nothing(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"{SPEC}budget: {{turns: x}}\nenv: {{WANDB_API_KEY: [{HEX}], A_TOKEN: nobody-knows}}\nbogus: {FORMS[0]}\n",
    )
    assert {p.path for p in found} >= {"budget.turns", "env.A_TOKEN"}


@pytest.mark.parametrize(
    "text",
    [
        f'{SPEC}env: {{WANDB_API_KEY: {HEX}"\n',
        f"{SPEC}env:\n  WANDB_API_KEY: {HEX}\n bad\n",
        f"{SPEC}env:\n  WANDB_API_KEY: |\n    {HEX}\n   bad: [\n",
        f"env: {{WANDB_API_KEY: '{HEX}', WANDB_API_KEY: x\n{SPEC}",
    ],
)
def test_a_file_that_is_no_yaml_is_quoted_without_its_secrets(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text)


def test_what_is_no_secret_stays(tmp_path: Path) -> None:
    (tmp_path / "exp.yaml").write_text(
        SPEC
        + """\
env:
  WANDB_API_KEY:
  HF_HUB_DISABLE_IMPLICIT_TOKEN: 1
  GOOGLE_APPLICATION_CREDENTIALS: /etc/gcp/key.json
  EOS_TOKEN: </s>
  HF_HUB_CACHE: /models/hf_cache
  SEARCH_URL: http://host:8000/search
  OPENAI_API_KEY: EMPTY
rollout: {engine_options: {eos_token: "</s>", max_tokens: 5}}
overrides:
  data.prompt_key: prompt
  trainer.experiment_name: "${oc.env:HF_TOKEN}"
  ray_kwargs.ray_init.runtime_env: {env_vars: {HF_TOKEN: "${oc.env:HF_TOKEN}"}}
""",
        "utf-8",
    )
    assert load(tmp_path / "exp.yaml").spec.env["WANDB_API_KEY"] is None


def test_forms_are_no_words_of_a_path() -> None:
    for text in (
        "/models/hf_qwen2_instruct",
        "task-0123456789abcdef",
        "git@host:a/b",
        "http://a.b:80/c@d",
        HEX,
    ):
        assert not form_of(text), text
    assert all(form_of(text) for text in FORMS)
    assert form_of("http://me:$PASS@host") == ""


def test_masking_keeps_columns() -> None:
    for text in (f'a: {{API_KEY: "{HEX}", b: 1}}', f"x {FORMS[0]} y", f"API_KEY={HEX}"):
        assert len(masked(text)) == len(text)
        assert HEX not in masked(text)
        assert FORMS[0] not in masked(text)
    assert masked("prompt_key: prompt, lr: 1e-6") == "prompt_key: prompt, lr: 1e-6"
    lines = ["k: |", "  -----BEGIN PRIVATE KEY-----", "  abcdef", "  -----END PRIVATE KEY-----", "b: ok"]
    assert [masked_line(lines, n)[-1] for n in range(1, 6)] == ["|", "•", "•", "•", "k"]
    assert masked_line(["password: x", "b: 12"], 2, [Span("f", 2, 4, 2)]) == "b: ••"


@pytest.mark.parametrize("size", [1_000_000])
def test_masking_a_long_line_ends(size: int) -> None:
    for text in (
        "a" * size,
        "a:" * (size // 2),
        "sk-" * (size // 3),
        "://" * (size // 3),
        "eyJ" * (size // 3),
    ):
        masked(text)
    assert not is_secret("A" * size, "x", variable=True)


@pytest.mark.parametrize(
    "command",
    [
        ["compile", "exp.yaml"],
        ["plan", "exp.yaml", "--all"],
        ["why", "env", "exp.yaml"],
        ["diff", "exp.yaml", "exp.yaml"],
        ["migrate", "exp.yaml", "--to", "0.8.0"],
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.slow
def test_no_command_prints_one(command: list[str], form: str, tmp_path: Path) -> None:
    text = f"{SPEC}env: {{WANDB_API_KEY: {HEX}}}\n"
    (tmp_path / "exp.yaml").write_text(text, "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "toolspec", *command, "--format", form],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert not re.search(HEX[:10], run.stdout + run.stderr)
    assert not (tmp_path / "build").exists()
