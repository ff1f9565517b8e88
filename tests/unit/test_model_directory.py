"""Facts from files: what they say is read, the rest stays unknown, and a bad file is a clear problem."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolspec.compiler.facts import model_directory
from toolspec.compiler.facts.architecture import ModelFacts
from toolspec.compiler.facts.catalogue import find_model
from toolspec.compiler.facts.chat_format import tool_format_of
from toolspec.compiler.facts.hub_cache import cache_folder, find_snapshot
from toolspec.compiler.facts.model import model_facts
from toolspec.compiler.facts.model_directory import read_model_directory
from toolspec.specs.problem import ProblemError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
QWEN: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 10,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "eos_token_id": 3,
}
# By hand: embeddings 80, final norm 8; a layer: q 64+8, k and v 2*(32+4), o 64, MLP 3*128, norms 16.
QWEN_PARAMETERS = 80 + 8 + 2 * (72 + 72 + 64 + 384 + 16)
HERMES = '{% for tool in tools %}<tool_call>{"name": "f", "arguments": {}}</tool_call>{% endfor %}'


def write(directory: Path, config: object = QWEN, **files: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in {"config": config, **files}.items():
        (directory / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return directory


def write_weights(file: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    header = {name: {"dtype": d, "shape": s, "data_offsets": [0, 0]} for name, (d, s) in tensors.items()}
    data = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    file.write_bytes(struct.pack("<Q", len(data)) + data)


def problem(directory: Path) -> str:
    with pytest.raises(ProblemError) as caught:
        read_model_directory(directory)
    (found,) = caught.value.problems
    assert found.code == "TS041"
    return found.message


def test_a_plain_directory(tmp_path: Path) -> None:
    facts = read_model_directory(write(tmp_path / "m"))
    assert (facts.layers, facts.hidden_size, facts.heads, facts.kv_heads, facts.head_dim) == (2, 8, 2, 1, 4)
    assert (facts.parameters, facts.parameters_from) == (QWEN_PARAMETERS, "computed")
    assert facts.cache_values == 2 * 2 * 1 * 4
    assert (facts.dtype, facts.tie_word_embeddings, facts.multimodal) == ("bfloat16", True, False)
    assert (facts.eos_token_ids, facts.bos_token_id) == ((3,), None)
    assert (facts.tool_format, facts.chat_template_sha256) == (None, "")
    assert facts.directory == tmp_path / "m"


def test_generation_config_goes_before_config_for_the_end_of_text(tmp_path: Path) -> None:
    facts = read_model_directory(write(tmp_path, generation_config={"eos_token_id": [5, 3]}))
    assert facts.eos_token_ids == (5, 3)


def test_the_decoder_of_a_multimodal_model(tmp_path: Path) -> None:
    inner = {**QWEN, "model_type": "gemma3_text"}
    for name in ("tie_word_embeddings", "num_attention_heads", "num_key_value_heads", "vocab_size"):
        del inner[name]
    outer = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": inner,
        "vision_config": {"hidden_size": 999},
        "eos_token_id": [1, 106],
    }
    facts = read_model_directory(write(tmp_path, outer))
    assert facts.multimodal and facts.model_type == "gemma3"
    # Not in the file: the defaults of transformers' Gemma3TextConfig.
    assert (facts.heads, facts.kv_heads, facts.head_dim, facts.vocab_size) == (8, 4, 256, 262208)
    assert facts.tie_word_embeddings is True
    assert facts.eos_token_ids == (1, 106)


@pytest.mark.parametrize(
    ("scaling", "scaled"),
    [
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}, 256),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}, None),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 64}, None),
        ({"rope_type": "linear", "factor": 2.0}, 128),
        ({"rope_type": "yarn", "factor": float("inf")}, None),
        ({"rope_type": "yarn", "factor": "4"}, None),
        (None, None),
    ],
)
def test_scaled_positions(tmp_path: Path, scaling: object, scaled: int | None) -> None:
    facts = read_model_directory(write(tmp_path, {**QWEN, "rope_scaling": scaling}))
    assert (facts.max_position_embeddings, facts.positions_scaled) == (64, scaled)


def test_an_unknown_architecture_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    facts = read_model_directory(write(tmp_path, {**QWEN, "model_type": "mamba99"}))
    assert (facts.layers, facts.max_position_embeddings) == (2, 64)
    assert (facts.parameters, facts.parameters_from, facts.active_parameters) == (None, None, None)


def test_weights_are_counted_from_their_header(tmp_path: Path) -> None:
    write_weights(write(tmp_path) / "model.safetensors", {"a": ("BF16", [3, 5]), "b": ("F32", [7])})
    facts = read_model_directory(tmp_path)
    assert (facts.parameters, facts.parameters_from) == (22, "weights")


def test_shards_and_an_index_without_shards(tmp_path: Path) -> None:
    index = {"metadata": {"total_size": 2000}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    write(tmp_path, **{"model.safetensors.index": index})
    assert read_model_directory(tmp_path).parameters == 1000
    write_weights(tmp_path / "1.safetensors", {"a": ("BF16", [3])})
    assert read_model_directory(tmp_path).parameters == 1000
    write_weights(tmp_path / "2.safetensors", {"b": ("BF16", [4])})
    assert read_model_directory(tmp_path).parameters == 7


def test_packed_and_damaged_weights_are_not_counted(tmp_path: Path) -> None:
    write_weights(write(tmp_path) / "model.safetensors", {"a": ("U8", [3, 5])})
    assert read_model_directory(tmp_path).parameters_from == "computed"
    for data in (b"", b"\xff" * 8, struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 1 << 60)):
        (tmp_path / "model.safetensors").write_bytes(data)
        assert read_model_directory(tmp_path).parameters_from == "computed"
    write_weights(tmp_path / "model.safetensors", {"a": ("BF16", [3, 5])})
    write(tmp_path, {**QWEN, "quantization_config": {"quant_method": "mxfp4"}})
    facts = read_model_directory(tmp_path)
    assert (facts.parameters_from, facts.quantization) == ("computed", "mxfp4")


def test_the_chat_template_and_its_hash(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": HERMES}]
    facts = read_model_directory(write(tmp_path, tokenizer_config={"chat_template": named}))
    assert facts.tool_format == "hermes"
    assert facts.chat_template_sha256 == hashlib.sha256(HERMES.encode()).hexdigest()
    (tmp_path / "chat_template.jinja").write_text("{{ tools }}<|channel|><|call|>", encoding="utf-8")
    assert read_model_directory(tmp_path).tool_format == "gpt-oss"


@pytest.mark.parametrize(
    ("template", "parser"),
    [
        (HERMES, "hermes"),
        ('{{ tools }} "<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args>}"', "hermes"),
        (
            "{{ tools }}<tool_call>\n<function=f>\n<parameter=a>1</parameter>\n</function></tool_call>",
            "qwen3_coder",
        ),
        ("{{ tools }}<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>", "glm"),
        ("{{ tools }}<|tool_call>call:f{a:1}<tool_call|>", "gemma4"),
        ("{{ tools }}<seed:tool_call><function=f></function></seed:tool_call>", "seed"),
        ('{{ tools }}<minimax:tool_call><invoke name="f"></invoke>', "minimax"),
        ("{{ tools }}<|tool_calls_section_begin|><|tool_call_begin|>", "kimi"),
        ("{{ tools }}<｜tool▁calls▁begin｜>", None),
        ("{{ tools }}[TOOL_CALLS]", None),
        ("{{ tools }}<tool_call>", None),
        ("{{ messages }}", None),
    ],
)
def test_the_tool_format_is_read_from_the_template(template: str, parser: str | None) -> None:
    found, reason = tool_format_of(template)
    assert found == parser
    assert reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "holds no mapping"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"", "is not JSON"),
        (b'{"a":' * 100_000, "is n"),
        (b'{"a": ' + b"9" * 100_000 + b"}", ""),
    ],
    ids=["cut", "list", "utf16", "empty", "deep", "long number"],
)
def test_a_bad_config_is_a_problem_with_the_file_named(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "config.json").write_bytes(data)
    if said:
        message = problem(tmp_path)
        assert "config.json" in message and said in message
        return
    try:
        assert read_model_directory(tmp_path).layers is None
    except ProblemError as error:
        assert "is not JSON" in error.problems[0].message


def test_missing_large_and_odd_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no config.json" in problem(tmp_path)
    write(tmp_path, tokenizer_config={"chat_template": "x" * 500})
    monkeypatch.setattr(
        model_directory, "MAX_BYTES", {**model_directory.MAX_BYTES, "tokenizer_config.json": 499}
    )
    assert "more than 499 bytes" in problem(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "generation_config.json").mkdir()
    assert "generation_config.json: it is a folder" in problem(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 0},
        {"vocab_size": None},
        {"hidden_size": "8"},
        {"hidden_size": -8},
        {"hidden_size": 2**60},
        {"num_hidden_layers": 10**9},
        {"model_type": "gemma4_text", "head_dim": 4, "layer_types": ["full_attention"]},
        {"model_type": ["qwen2"]},
    ],
)
def test_a_config_that_is_no_model_has_no_count(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert read_model_directory(write(tmp_path, {**QWEN, **changes})).parameters is None


KEYS = st.sampled_from([*QWEN, "head_dim", "num_experts", "layer_types", "rope_scaling", "text_config"])
FAMILIES = st.sampled_from(
    ["qwen2", "qwen3_moe", "qwen3_5_text", "gemma4_text", "deepseek_v3", "gpt_oss", "glm4_moe"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(family=FAMILIES, changes=st.dictionaries(KEYS, VALUES, max_size=4), extra=VALUES)
def test_no_config_makes_the_reader_fail(
    tmp_path: Path, family: str, changes: dict[str, Any], extra: object
) -> None:
    config = {**QWEN, "model_type": family, **changes}
    facts = read_model_directory(write(tmp_path, config, tokenizer_config={"chat_template": extra}))
    assert isinstance(facts, ModelFacts)
    assert facts.parameters is None or facts.parameters >= 0


def snapshot(
    cache: Path, name: str, commit: str = COMMIT, ref: str | None = "main", config: object = QWEN
) -> Path:
    folder = cache / ("models--" + name.replace("/", "--"))
    if ref is not None:
        (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / ref).write_text(commit, encoding="utf-8")
    return write(folder / "snapshots" / commit, config)


def test_the_cache_is_searched_by_branch_tag_and_commit(tmp_path: Path) -> None:
    other = "f" * 40
    main = snapshot(tmp_path, "org/name")
    tagged = snapshot(tmp_path, "org/name", other, "refs/pr/1")
    assert find_snapshot("org/name", None, tmp_path) == main
    assert find_snapshot("org/name", "main", tmp_path) == main
    assert find_snapshot("org/name", COMMIT, tmp_path) == main
    assert find_snapshot("org/name", "refs/pr/1", tmp_path) == tagged
    assert find_snapshot("org/name", "v2", tmp_path) is None
    assert find_snapshot("org/other", None, tmp_path) is None
    (main / "config.json").unlink()
    assert find_snapshot("org/name", None, tmp_path) is None


def test_no_name_or_revision_leaves_the_cache(tmp_path: Path) -> None:
    snapshot(tmp_path / "hub", "org/name")
    write(tmp_path / "secret" / COMMIT)
    (tmp_path / "secret" / "ref").write_text(f"../../../../secret/{COMMIT}", encoding="utf-8")
    (tmp_path / "hub" / "models--org--name" / "refs" / "evil").write_text(
        f"../../../secret/{COMMIT}", encoding="utf-8"
    )
    for revision in ("evil", "../../../../secret/ref", "/etc/passwd", "..", "a/../b", "", "x\0"):
        found = find_snapshot("org/name", revision, tmp_path / "hub")
        assert found is None or revision == ""
    # Two names must not share a folder: the hub refuses `--` in a name.
    assert find_snapshot("org--name", None, tmp_path / "hub") is None
    for name in ("../secret", "org/../..", "a/b/c", "", "org/name\0", "/etc"):
        assert find_snapshot(name, None, tmp_path / "hub") is None


def test_the_cache_folder_follows_the_environment() -> None:
    everything = {
        "HF_HUB_CACHE": "/a",
        "HUGGINGFACE_HUB_CACHE": "/b",
        "HF_HOME": "/c",
        "XDG_CACHE_HOME": "/d",
    }
    places = []
    for name in list(everything):
        places.append(cache_folder(everything))
        del everything[name]
    assert places == [Path("/a"), Path("/b"), Path("/c/hub"), Path("/d/huggingface/hub")]
    assert cache_folder({}) == Path.home() / ".cache/huggingface/hub"


def test_a_directory_goes_before_the_cache_and_the_cache_before_the_catalogue(tmp_path: Path) -> None:
    name, cache, base = "Qwen/Qwen2.5-3B-Instruct", tmp_path / "hub", tmp_path / "spec"
    base.mkdir()
    from_catalogue = model_facts(name, None, base, cache)
    assert from_catalogue == find_model(name)
    snapshot(cache, name, config={**QWEN, "num_hidden_layers": 3})
    from_cache = model_facts(name, None, base, cache)
    assert from_cache.layers == 3
    assert from_cache.origin == f"Hugging Face cache, revision {COMMIT[:12]}"
    # The cached files have no weights and no chat template: the catalogue knows more.
    assert (from_cache.parameters, from_cache.tool_format) == (3_085_938_688, "hermes")
    assert model_facts("qwen2.5-3b-instruct", None, base, cache).layers == 3
    write(base / name, {**QWEN, "num_hidden_layers": 4})
    from_directory = model_facts(name, None, base, cache)
    assert (from_directory.layers, from_directory.origin) == (4, f"directory {name}")
    assert from_directory.tool_format is None


def test_another_revision_of_a_catalogued_model_is_marked(tmp_path: Path) -> None:
    facts = model_facts("Qwen/Qwen3-8B", "v9", tmp_path, tmp_path)
    assert facts.origin == "catalogue (main branch)"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "models" / "mine")
    assert model_facts("~/models/mine", None, Path("/"), tmp_path).layers == 2


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("Qwen/Qwen2.5-3B-Instrct", "TS040", "did you mean Qwen/Qwen2.5-3B-Instruct"),
        ("nobody/nothing-1B", "TS040", "toolspec fetch nobody/nothing-1B"),
        ("./nowhere", "TS040", "a directory that exists"),
        ("", "TS040", "a directory that exists"),
        ("a\0b", "TS040", "a directory that exists"),
        ("x" * 9000, "TS040", "a directory that exists"),
        ("~nobody-at-all/x", "TS040", "a directory that exists"),
        ("weights/config.json", "TS041", "model: weights"),
    ],
)
def test_an_unknown_model_is_a_question_with_the_way_out(
    tmp_path: Path, name: str, code: str, said: str
) -> None:
    write(tmp_path / "weights")
    with pytest.raises(ProblemError) as caught:
        model_facts(name, None, tmp_path, tmp_path / "hub")
    (found,) = caught.value.problems
    assert found.code == code and found.path == "model.path"
    assert said in found.fix
    assert len(found.message) < 1000
