"""What the reference page says in sentences, before and after the tables that are made from the models."""

BEFORE = """\
<!-- Made by `python -m toolspec.specs.reference > docs/language.md` from the models' descriptions. -->
# The language, version 1

A spec is one YAML file that says what an experiment is. `toolspec compile` turns it into a bundle that
verl runs; `toolspec plan` shows every value with the reason for it; `toolspec schema` prints the JSON
Schema for editors.

```yaml
toolspec: 1
name: calculator
target: verl==0.9.1
model: Qwen/Qwen2.5-0.5B-Instruct
data:
  train: train.jsonl
  val: val.jsonl
  columns: {prompt: question, answer: answer}
tools:
  calculator: tools.py:calculator
reward:
  correct: {weight: 1.0, match: number}
  valid_call: 0.2
algorithm: {name: grpo, batch: 64, group: 8, lr: 1e-6}
budget: {rounds: 3, prompt_tokens: 512, trajectory_tokens: 512}
cluster: {gpus: 1}
```

What holds everywhere:

- An unknown key, a value of the wrong type and a key given twice are errors, with the nearest known key.
- Everything that is not said has a default, or is derived from what is said. `auto` asks for the derived
  value by name.
- Lengths are in tokens of the model, counts are plain numbers, times carry their unit: `30s`, `90m`,
  `12h`, `1d12h`, `HH:MM:SS` or `D-HH:MM:SS`. A bare `time: 12` is refused: Slurm reads it as minutes.
- Scalars are read as YAML 1.2 reads them: `1e-6` is a number, and `no`, `off` and `012` are text. Where
  YAML 1.1 reads something else, the error says so, with what the place takes.
- A file that a spec names is a regular file: pipes, devices and `/proc` are refused. A glob of data goes into
  no link by `**`, and looks at no more than 200,000 names.
- `file.py:name` names a Python function or class in a file beside the spec. The file is parsed, never
  imported; it is copied into the bundle with the modules that it imports from its own folder.
"""

FILES = """\
## Several files and the command line

**extends.** `extends: ../base.yaml` takes everything from a parent file; the parent may have one of its
own. Mappings are merged key by key; lists and single values are replaced. A short form means its long
form here too: `algorithm: {batch: 64}` over a parent's `algorithm: ppo` is PPO with a batch of 64, and
`algorithm: grpo` over a parent's `{name: ppo, batch: 64}` is GRPO with a batch of 64.

Where a short form names a thing, what the parent says to describe the old one does not stay: a new
`model: NAME` drops `revision`, `chat_template`, `tool_format` and `trust_remote_code` and keeps `lora`,
`dtype` and the rest; a tool by `file.py:name` drops `class` and `schema`; a loop by name drops `class` and
`config`; another file of a named validation set drops its `columns` and `source`. The long form
(`model: {path: NAME}`) keeps all that it does not say. A bare file for `data.train` is a list of one, and
`reward: tool_calling` is a whole reward: both replace what was there. `critic_lr: null` takes
a parent's `critic_lr` back.

**--set.** `--set algorithm.group=8` lays one value over the file, as a child's file would. The value is
YAML: `--set 'tracking.to=[console, wandb]'`. A number for a reward term is its weight, and the term's other
settings stay. A shorter path is laid first, so that two settings of one thing may come in either order; of
one path the last wins. A list is replaced as a whole. Keys with dots go in a mapping: `--set
'overrides={actor_rollout_ref.actor.grad_clip: 0.5}'`.

**Relative paths** are relative to the file that says them, so that a parent may stand in another folder;
those of `--set` are relative to the spec. The bundle holds them relative to itself. `~` is the home
folder on the machine that runs the job; names on the hub (`Qwen/Qwen3-4B`) stay as they are.

**env.** `env: {NCCL_DEBUG: WARN}` sets a variable for the run. A name without a value, `env:
[WANDB_API_KEY]` or `env: {WANDB_API_KEY: }`, passes the variable on from the shell that starts the run:
its value is never read by toolspec and never written to a bundle. Secrets belong here and nowhere else:
a value under a name such as `…_KEY` or `…_TOKEN`, or of the form of a known token, is refused wherever a
spec or `--set` writes it out.

**overrides.** Raw verl keys by their dotted name in the target release: `overrides:
{actor_rollout_ref.actor.grad_clip: 0.5}`. They win over everything, may hold `${…}` interpolations, and
are checked: a key that the release does not have is an error, since verl takes an unknown key of a config
file without a word; so are an interpolation without a value and a value of another type, though one of
`oc.env` is only known where the job runs. `toolspec why KEY` shows what stood there before.

**sweep.** `sweep: {reward.valid_call: [0.1, 0.2], algorithm.lr: [1e-6, 2e-6]}` is four points, each the spec with
its values laid over it as `--set` lays them, but that a raw key of verl stands behind `overrides.` as one key, dots and
all. `toolspec sweep` lists them. A point has a `name` of its own, `<name>-<ten digits>`, which rests on what it changes
alone: neither the order of points nor other points matter, and `reward.valid_call` and `reward.valid_call.weight` are
one. `tracking.experiment` and `checkpoint.dir` get the same ending where the spec gives them. With simplex, the size of
a weight is what it is without its sign:

| `keep` | the set | `steps: N` takes | `points: M` takes |
| --- | --- | --- | --- |
| `sum` | sizes ≥ `least` × `total` that add up to `total` | \
all `total` × (`least` + (1 − n × `least`) × k/N), with whole k ≥ 0 that add up to N, for n terms | \
M of them, flat Dirichlet, k in 10,000ths |
| `order` | low < each size ≤ high, every next term's smaller | \
all choices of n of the sizes low + (high − low) × k/N, k = 1 … N | M of them, uniform, k in 10,000ths |

A number that is drawn hangs on the seed, the number of the point and the path, and on nothing else. 10,000 points are
the most. GPU-hours of all of them are held against `budget.gpu_hours`.

**target.** `--target` wins over the spec's `target`, which wins over a `verl==` line of a requirements
file beside the spec; without any, the newest release that toolspec knows is taken and listed as assumed.
A spec that a release cannot express is an error that names a release which can.
"""

# (key, what it means here, what the same word means in other frameworks and in published scripts)
WORDS: tuple[tuple[str, str, str], ...] = (
    (
        "`budget.turns`",
        "turns of the policy, the answer included. verl checks the limit before it looks for a "
        "call, so the call of the last turn is never executed: 5 turns are at most 4 tool rounds",
        "tool rounds, user turns, single calls, or environment steps",
    ),
    (
        "`budget.rounds`",
        "rounds of tool use; the answer comes on top (`turns` = `rounds` + 1). Not together with `turns`",
        "often called turns",
    ),
    (
        "`budget.user_turns`",
        "turns that are not the policy's",
        "the limit that some frameworks mean by turns",
    ),
    (
        "`budget.calls`",
        "calls executed in a whole trajectory, over all turns",
        "a limit for each turn, which here is `rollout.parallel_calls`",
    ),
    (
        "`budget.prompt_tokens`",
        "the first prompt alone, with system message and tool schemas",
        "the growing context before each turn",
    ),
    (
        "`budget.trajectory_tokens`",
        "everything after the first prompt, tool responses included",
        "one turn of the policy, which here is `turn_tokens`. Copying such a value gives "
        "trajectories of one turn's length",
    ),
    (
        "`budget.tool_response_tokens`",
        "tokens; the bundle cuts there itself",
        "verl's own limit counts characters, several to a token",
    ),
    (
        "`algorithm.batch`, `mini_batch`",
        "prompts; each stands for `group` trajectories",
        "trajectories, where a fork samples the group outside of verl",
    ),
    (
        "`algorithm.mini_batch`",
        "at most the batch; one update a step is `updates: 1` or nothing",
        'a number above the batch, to say "one update"',
    ),
    (
        "`algorithm.name: dapo`",
        "clip-higher, group filter, token-mean loss, soft overlong penalty and no KL; `toolspec "
        "plan` lists each, and each can be set apart",
        "any one of these, most often clip-higher alone",
    ),
    (
        "`reward.extra_call`",
        "valid calls beyond the free ones",
        "all calls beyond the free ones; here a bad call counts under `bad_call` only",
    ),
    (
        "`reward.valid_call`",
        "paid once, however many calls",
        "paid for each call",
    ),
    (
        "`budget.gpu_hours`",
        "nodes × GPUs × time limit, an upper bound that is checked",
        "an estimate of the throughput",
    ),
    (
        "`model.dtype`",
        "type in the engine and of the computation; the master copy of the weights is float32",
        "one of three settings of verl: engine, computation, master copy",
    ),
)
