"""The packages of an environment against what a verl release needs: one comparison for `doctor` and for `lint --env`.

A pure function over names and versions. What a release's metadata requires is in versions/<release>.json; the tables
here hold what the metadata leaves out, each entry with its reason and the place where it was read or run. A path
`verl/…:n` is of the release named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from toolspec.backends.verl.package_version import admits, normal, requirement
from toolspec.backends.verl.releases import release as table_of


class Uses(NamedTuple):
    """What a run uses of an environment. None: not known, and what depends on it is a warning or not asked for.

    engine: `sglang` or `vllm`. trainer: `v1` or `v0`. attention: attn_implementation of the policy.
    packed: use_remove_padding. critic_flash: a critic is built, and nothing mends verl's request for flash-attn.
    trackers: of trainer.logger.
    """

    engine: str | None = None
    trainer: str | None = None
    attention: str | None = None
    packed: bool | None = None
    critic_flash: bool | None = None
    trackers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PackageProblem:
    """found: the version, None where the package is missing. wanted: a requirement, as pip takes it."""

    package: str
    found: str | None
    wanted: str
    severity: Literal["error", "warning"]
    why: str
    source: str

    @property
    def message(self) -> str:
        there = f"{self.package} {self.found}" if self.found is not None else f"{self.package} is missing"
        return f"{there}; wanted {self.wanted}" if self.wanted != self.package else there

    @property
    def fix(self) -> str:
        return f"pip install '{self.wanted}'"


@dataclass(frozen=True, slots=True)
class Need:
    """A package that a release uses though its metadata does not require it. clauses: "" for any version."""

    package: str
    why: str
    sources: Mapping[str, str]
    clauses: str = ""


# Imported by every run; the metadata names them nowhere (0.9.1: only in the extra `verl-core`).
UNDECLARED: tuple[Need, ...] = (
    Need(
        "torch",
        "verl imports it at once; its metadata names torch only in the extras of the engines",
        dict.fromkeys(("0.7.1", "0.8.0", "0.9.1"), "verl/protocol.py:31"),
    ),
    Need(
        "cachetools",
        "the agent loop imports it",
        {
            "0.7.1": "verl/experimental/agent_loop/agent_loop.py:26",
            "0.8.0": "verl/workers/rollout/llm_server.py:28",
            "0.9.1": "verl/workers/rollout/router.py:21",
        },
    ),
    Need(
        "uvicorn",
        "the engines' servers import it",
        {
            "0.7.1": "verl/workers/rollout/utils.py:18",
            "0.8.0": "verl/workers/rollout/utils.py:20",
            "0.9.1": "verl/workers/rollout/utils.py:20",
        },
    ),
    Need(
        "fastapi",
        "the engines' servers import it",
        {
            "0.7.1": "verl/workers/rollout/utils.py:19",
            "0.8.0": "verl/workers/rollout/utils.py:22",
            "0.9.1": "verl/workers/rollout/utils.py:22",
        },
    ),
)
V1_TRAINER = Need(
    "transferqueue",
    "the V1 trainer, the default of 0.9.1, moves its batches through it; only the extra `verl-core` requires it",
    {"0.9.1": "verl/trainer/main_ppo.py:137, verl/trainer/ppo/v1/trainer_base.py:30"},
    ">=0.1.10",
)
# Asserted where batches become tensor dictionaries, at every step; the metadata admits 0.8 too.
TENSORDICT = Need(
    "tensordict",
    "the trainer asserts 0.10 at the first step, where the metadata admits 0.8",
    {
        "0.7.1": "verl/protocol.py:1107, verl/trainer/ppo/ray_trainer.py:1090 (engine workers)",
        "0.8.0": "verl/protocol.py:1108, verl/trainer/ppo/ray_trainer.py:1219",
        "0.9.1": "verl/utils/tensordict_utils.py:923 (v1), verl/protocol.py:1105 (v0)",
    },
    ">=0.10",
)

# Required by the metadata, used only by some runs or not at all. tracker: the name in trainer.logger.
# Each was looked for in the source of 0.7.1, 0.8.0 and 0.9.1, and none of those runs needs it at import
# (run on CPU without wandb and tensorboard).
SELDOM: Mapping[str, str] = {
    "wandb": "only the logger `wandb` imports it (verl/utils/tracking.py)",
    "tensorboard": "only the logger `tensorboard` imports it (verl/utils/tracking.py)",
    "pylatexenc": "only the built-in reward prime_math imports it (verl/utils/reward_score/prime_math)",
    "pybind11": "nothing in verl's Python imports it",
    "dill": "nothing in verl's Python imports it",
}
TRACKERS = frozenset({"wandb", "tensorboard"})
# (release, package) → why a version outside the required range is no error.
TOLERATED: Mapping[tuple[str, str], str] = {
    ("0.7.1", "numpy"): "the metadata refuses numpy 2, with which its stages ran on CPU (2.4.6)",
    ("0.8.0", "numpy"): "the metadata refuses numpy 2, with which its stages ran on CPU (2.4.6)",
}

# What the engine's extra pins; another version may do.
PINNED_WITH_ENGINE = frozenset({"torch", "transformers", "tensordict", "sglang", "vllm"})
ENGINES = frozenset({"sglang", "vllm", "tensorrt-llm"})
# Below it verl refuses the engine or takes it for absent.
FLOORS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "vllm": {
        "0.7.1": (">=0.7.0", "verl/third_party/vllm/__init__.py:46"),
        "0.8.0": (">=0.7.0", "verl/third_party/vllm/__init__.py:46"),
        "0.9.1": (">=0.18.0", "verl/third_party/vllm/__init__.py:46"),
    },
}
# (package, of which versions, other package, admitted, why, source).
Pair = tuple[str, str, str, str, str, str]
PAIRS: tuple[Pair, ...] = (
    (
        "transformers",
        ">=5.5.3,<5.10.3",
        "kernels",
        "<0.17",
        "transformers {found} cannot be imported with kernels 0.17",
        "run: transformers 5.5.3, 5.8.0, 5.9.0 and 5.10.0 to 5.10.2 with kernels 0.17.0; 5.10.4 takes it",
    ),
    (
        "transformers",
        ">=5.5.3,<5.11",
        "tokenizers",
        ">=0.22.0,<=0.23.0",
        "transformers {found} looks at its version when it is imported, and refuses it",
        "Requires-Dist of transformers 5.9.0 and 5.10.4; transformers/dependency_versions_check.py",
    ),
)

FLASH_SOURCES: Mapping[str, tuple[str, str]] = {
    # packed batches; the critic
    "0.7.1": ("verl/utils/attention_utils.py:30", "verl/utils/model.py:641,663"),
    "0.8.0": ("verl/utils/attention_utils.py:30", "verl/utils/model.py:645,667"),
    "0.9.1": ("verl/utils/attention_utils.py (falls back to torch)", "verl/utils/model.py:649,674"),
}
KERNEL_FALLBACK = "transformers 4.57.1, 5.5.3 and 5.9.0: modeling_utils.py, is_kernels_available"


@dataclass(frozen=True)
class _Environment:
    packages: Mapping[str, str]
    release: str
    complete: bool
    uses: Uses = field(default_factory=Uses)

    def judge(
        self, need: str, clauses: str, why: str, source: str, severity: Literal["error", "warning"] = "error"
    ) -> Iterator[PackageProblem]:
        """Nothing for a version that the clauses admit, and for a missing one of an incomplete list."""
        found = self.packages.get(need)
        if found is None and not self.complete:
            return
        if found is None or (clauses and admits(clauses, found) is False):
            yield PackageProblem(need, found, f"{need}{clauses}", severity, why, source)

    def need(self, need: Need, severity: Literal["error", "warning"] = "error") -> Iterator[PackageProblem]:
        if self.release in need.sources:
            yield from self.judge(need.package, need.clauses, need.why, need.sources[self.release], severity)


def problems(
    packages: Mapping[str, str], release: str, uses: Uses | None = None, complete: bool = True
) -> tuple[PackageProblem, ...]:
    """What of the packages (name → version) a release cannot run with, errors first; one problem a package.

    complete: the list is all that is installed, so that what it lacks is missing. A list of requirements that pip
    is yet to resolve is not.
    """
    given = {normal(name): version for name, version in packages.items()}
    environment = _Environment(given, release, complete, uses if uses is not None else Uses())
    found = [
        *_verl(environment),
        *_required(environment),
        *_undeclared(environment),
        *_engine(environment),
        *_flash(environment),
        *_pairs(environment),
    ]
    worst: dict[str, PackageProblem] = {}
    for problem in sorted(found, key=lambda p: p.severity != "error"):
        worst.setdefault(problem.package, problem)
    return tuple(worst.values())


def _verl(at: _Environment) -> Iterator[PackageProblem]:
    why = "keys, defaults and tool handling differ from release to release; the bundle is made for this one"
    yield from at.judge("verl", f"=={at.release}", why, "the target")


def _required(at: _Environment) -> Iterator[PackageProblem]:
    for line in table_of(at.release).requires:
        need = requirement(line)
        if need is None or need.extra is not None or need.conditional:
            continue
        why = f"verl {at.release} requires it"
        severity: Literal["error", "warning"] = "error"
        if need.name in at.packages and (at.release, need.name) in TOLERATED:
            why, severity = TOLERATED[at.release, need.name], "warning"
        elif need.name in SELDOM:
            if need.name in TRACKERS and at.uses.trackers is not None:
                if need.name not in at.uses.trackers:
                    continue
            else:
                severity = "warning"
            why = SELDOM[need.name]
        yield from at.judge(need.name, need.clauses, why, "Requires-Dist of the wheel", severity)


def _undeclared(at: _Environment) -> Iterator[PackageProblem]:
    for need in UNDECLARED:
        yield from at.need(need)
    if at.uses.trainer != "v0":
        yield from at.need(V1_TRAINER, "error" if at.uses.trainer == "v1" else "warning")
    if "tensordict" in at.packages:
        # The default workers of 0.7.1 never call it.
        yield from at.need(TENSORDICT, "warning" if at.release == "0.7.1" else "error")


def _engine(at: _Environment) -> Iterator[PackageProblem]:
    engine = at.uses.engine
    if engine is None:
        if at.complete and not ENGINES & at.packages.keys():
            why = "the rollout runs in an engine: sglang, vllm or TensorRT-LLM"
            wanted = f"sglang{_pin(at.release, 'sglang')}"
            yield PackageProblem("sglang", None, wanted, "error", why, "verl/workers/rollout")
        return
    if engine not in at.packages:
        clauses = _pin(at.release, engine)
        yield from at.judge(engine, clauses, f"rollout.engine is {engine}", f"extra `{engine}` of the wheel")
        return
    if at.release in FLOORS.get(engine, {}):
        clauses, source = FLOORS[engine][at.release]
        yield from at.judge(engine, clauses, f"verl refuses an older {engine}", source)
    for line in table_of(at.release).requires:
        need = requirement(line)
        if need is not None and need.extra == engine and need.name in PINNED_WITH_ENGINE:
            why = f"verl {at.release} was released with it for {engine}; another may do"
            yield from at.judge(need.name, need.clauses, why, f"extra `{engine}` of the wheel", "warning")


def _pin(release: str, engine: str) -> str:
    """`==0.5.12`: what the engine's extra asks of the engine itself."""
    needs = (requirement(line) for line in table_of(release).requires)
    return next((n.clauses for n in needs if n is not None and n.extra == engine and n.name == engine), "")


def _flash(at: _Environment) -> Iterator[PackageProblem]:
    """flash-attn is in no requirement, and three places ask for it. For two of them transformers has a way out."""
    if at.release not in FLASH_SOURCES or not at.complete or "flash-attn" in at.packages:
        return
    packed_source, critic_source = FLASH_SOURCES[at.release]
    if at.uses.packed and at.release != "0.9.1":
        yield from at.judge("flash-attn", "", "packed batches (use_remove_padding) import it", packed_source)
    severity: Literal["error", "warning"] = "error"
    instead = ""
    if "kernels" in at.packages:
        severity, instead = (
            "warning",
            "; with `kernels` installed, transformers gets one from the hub, if it can",
        )
    if at.uses.attention == "flash_attention_2":
        why = f"the policy's attention is flash_attention_2{instead}, or set model.attention: sdpa"
        yield from at.judge("flash-attn", "", why, KERNEL_FALLBACK, severity)
    if at.uses.critic_flash:
        why = f"verl builds every critic with flash_attention_2{instead}"
        yield from at.judge("flash-attn", "", why, critic_source, severity)
    if at.uses.attention is None:
        why = "needed by a critic, by attention flash_attention_2 (the default) and by packed batches"
        yield from at.judge("flash-attn", "", why, f"{critic_source}; {packed_source}", "warning")


def _pairs(at: _Environment) -> Iterator[PackageProblem]:
    for package, versions, other, clauses, why, source in PAIRS:
        if package in at.packages and other in at.packages and admits(versions, at.packages[package]):
            reason = why.format(found=at.packages[package])
            yield from at.judge(other, clauses, reason, source)
