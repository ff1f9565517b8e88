"""What is asked about: the template, the tools and the format of a run, from a spec, a verl config or a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.backends.verl.chat.seen_schema import Seen, as_seen
from toolspec.backends.verl.chat.surviving_schema import surviving
from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.facts.template import CUSTOM, TOKENIZER
from toolspec.backends.verl.lint.facts.tools import FUNCTIONS_FILE, TOOLS_FILE, ToolsFile
from toolspec.backends.verl.lint.lint import choose_release, kind_of
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import release
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import read_script_file, read_yaml
from toolspec.compiler.chat.folder import ChatFolder, read_chat_folder
from toolspec.compiler.facts.hub_cache import is_hub_name
from toolspec.compiler.facts.model_directory import read_mapping
from toolspec.specs.problem import Problem, ProblemError, Span

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled

FORMAT, MODEL = f"{ROLLOUT}.multi_turn.format", "actor_rollout_ref.model.path"
VARIABLES = "data.apply_chat_template_kwargs"


class ToolSeen(NamedTuple):
    """A tool as it is written, and as the release hands it to the template. whole: toolspec's own schema class does.

    rewritten: a schema that the release keeps and that says the same; None where there is no need, or no way.
    """

    name: str
    written: Mapping[str, Any]
    seen: Seen
    whole: bool = False
    rewritten: Mapping[str, Any] | None = None


class Subject(NamedTuple):
    """owner: what to call the template. folder: of the tokenizer, None where only the template is at hand.

    variables: names that the template finds beside messages and tools. settings: those of them that the run sets.
    custom: whether the template is the run's own, and not the model's.
    """

    file: str
    release: str
    assumed: tuple[str, ...]
    owner: str
    template: str
    folder: ChatFolder | None
    tools: tuple[ToolSeen, ...]
    format: str
    variables: Mapping[str, Any]
    settings: Mapping[str, Any]
    view: View
    custom: bool = False

    @property
    def schemas(self) -> list[Mapping[str, Any]]:
        return [tool.seen.schema for tool in self.tools if tool.seen.schema is not None]

    @property
    def refusals(self) -> tuple[tuple[str, str], ...]:
        """(what, fix) of each tool whose schema the release refuses."""
        return tuple(
            (
                f"verl {self.release} refuses {tool.name}: {tool.seen.refused}",
                f"toolspec template {self.file} --rewrite" if tool.rewritten is not None else "",
            )
            for tool in self.tools
            if tool.seen.refused
        )

    @property
    def model_folder(self) -> Path:
        """Where the model's configuration is: the tokenizer may have a folder of its own. With a folder only."""
        assert self.folder is not None
        try:
            return self.view.facts.model(MODEL).directory or self.folder.path
        except NotKnownError:
            return self.folder.path

    @property
    def model_type(self) -> str | None:
        """Of the model's config.json, by which 0.9 joins turns. With a folder only."""
        found = (read_mapping(self.model_folder, "config.json") or {}).get("model_type")
        return found if isinstance(found, str) else None

    @property
    def pad_token(self) -> str | None:
        return self.folder.pad_token if self.folder is not None else ""


class RunRead(NamedTuple):
    """The run of a file. compiled: of a spec, else None."""

    view: View
    assumed: tuple[str, ...]
    compiled: Compiled | None


def read_run(path: Path, target: str | None, counting: bool = False) -> RunRead:
    """Raises ProblemError: a file that cannot be read, or has errors.

    counting: whether a spec's limit of the prompt is asked for, which may be one that is counted (see compile_spec).
    """
    files = Files()
    data = files.read(path)
    if data is None:
        raise _problem(f"cannot read {path}: {files.why_not(path)}", "TS020", "unreadable-file")
    kind = kind_of(path, data)
    if kind == "spec" and is_tools_file(data):
        raise _problem(
            f"{path} is a tools file of verl's, which names no model",
            "TS037",
            "unknown-input",
            Span(str(path), 1, 1),
            f"give the config or script that names it; for its schemas alone: toolspec template {path} --rewrite",
        )
    if kind == "spec":
        from toolspec.backends.verl.compile import compile_spec

        compiled = compile_spec(path, (), target, writing=False, counting=counting)
        return RunRead(_view(compiled, files), tuple(compiled.assumed), compiled)
    version, assumed = choose_release(target, path.parent, files)
    read = read_script_file(data, path, files) if kind == "script" else read_yaml(data, path, files)
    problems = [p for run in read.runs for p in run.problems if p.severity == "error"]
    if problems or not read.runs:
        raise ProblemError(tuple(problems) or tuple(read.notes))
    return RunRead(View(read.runs[0], release(version), files), tuple(assumed), None)


_IDLE = rb"(?:[ \t]*(?:#[^\n]*|---[ \t]*)?\r?\n)*"
_TOOLS = re.compile(
    rb"(?:\xef\xbb\xbf)?" + _IDLE + rb"[\"'{ ]*tools[\"']?[ \t]*:[ \t]*" + _IDLE + rb"[ \t]*[-\[]"
)


def is_tools_file(data: bytes) -> bool:
    """Whether it begins as verl's tools files do: a list of classes under `tools`."""
    return _TOOLS.match(data) is not None


def read_subject(path: Path, target: str | None, counting: bool = False) -> Subject:
    """Raises ProblemError: a file with errors, no template or no tools at hand, with what to provide."""
    view, assumed, compiled = read_run(path, target, counting)
    return subject_of(compiled, view) if compiled is not None else subject_of_run(view, assumed)


def subject_of_run(view: View, assumed: tuple[str, ...] = ()) -> Subject:
    """What the model of a config or a script sees. Raises ProblemError as read_subject does."""
    try:
        known = view.facts.model(TOKENIZER if view.text(TOKENIZER) else MODEL)
        name, directory = known.name, known.directory
    except NotKnownError as error:
        name, directory = str(error), None
    lacking = tuple(f"no prompt has {each}" for each in without_schema(view))
    return _subject(Path(view.run.file), view, (*assumed, *lacking), tools_of(view), name, directory)


def subject_of(compiled: Compiled, view: View | None = None) -> Subject:
    """What a compiled spec's model sees. Raises ProblemError as read_subject does."""
    view = view or _view(compiled, Files())
    facts = compiled.facts.tools
    tools = tuple(ToolSeen(name, one.schema, Seen(one.schema), True) for name, one in facts.items())
    model = compiled.facts.model
    named, directory = (model.name, model.directory) if model is not None else ("the model", None)
    return _subject(compiled.loaded.file, view, tuple(compiled.assumed), tools, named, directory)


def _view(compiled: Compiled, files: Files) -> View:
    from toolspec.backends.verl.lint.spec_run import run_of

    return View(run_of(compiled), release(compiled.plan.target), files)


def _subject(
    path: Path,
    view: View,
    assumed: tuple[str, ...],
    tools: tuple[ToolSeen, ...],
    model: str,
    directory: Path | None,
) -> Subject:
    folder = read_chat_folder(directory) if directory is not None else None
    try:
        own = view.text(CUSTOM)
        format = view.text(FORMAT) or "hermes"
        kwargs = view.value(VARIABLES)
    except NotKnownError as error:
        raise missing(path, str(error), "") from None
    text = own or (folder.template(bool(tools)) if folder is not None else None)
    if not text:
        raise missing(path, f"the chat template of {model}", model)
    settings = kwargs if isinstance(kwargs, dict) else {}
    variables = {**(folder.variables if folder else {}), **settings}
    owner = "model.custom_chat_template" if own else model
    return Subject(
        str(path),
        view.version,
        assumed,
        owner,
        text,
        folder,
        tools,
        format,
        variables,
        settings,
        view,
        bool(own),
    )


def tools_of(view: View) -> tuple[ToolSeen, ...]:
    version = view.version
    file = tools_file_of(view)
    found = []
    for tool in file.tools if file is not None else ():
        schema = tool.value.get("tool_schema")
        if not isinstance(schema, Mapping):
            continue  # the class brings its own
        written = dict(schema)
        seen = as_seen(written, version)
        new = surviving(written, version) if seen.lost or seen.refused else None
        found.append(ToolSeen(tool.name or f"tool {tool.number}", written, seen, rewritten=new))
    return tuple(found)


def without_schema(view: View) -> Iterator[str]:
    """Tools of the run whose schema is code, which nothing here runs."""
    file = tools_file_of(view)
    for tool in file.tools if file is not None else ():
        if not isinstance(tool.value.get("tool_schema"), Mapping):
            yield f"the tool {tool.value.get('class_name') or tool.key} of {TOOLS_FILE}: its class brings the schema"
    try:
        functions = view.facts.function_tools() or ()
    except NotKnownError as error:
        yield f"the tools of {FUNCTIONS_FILE}: this needs {error}"
        return
    for function in functions:
        yield f"the tool {function.name} of {FUNCTIONS_FILE}: verl makes its schema of the function"


def tools_file_of(view: View) -> ToolsFile | None:
    """None where the run names none. Raises ProblemError for one that is not there or cannot be read."""
    try:
        file = view.facts.tools_file()
    except NotKnownError as error:
        raise _problem(f"this needs {error}", "TS020", "unreadable-file", Span(view.run.file, 1, 1)) from None
    if file is not None and file.problem is not None:
        raise ProblemError((file.problem,))
    if file is not None and file.tree is None:
        said = view.said(TOOLS_FILE)
        span = said.span if said is not None else Span(view.run.file, 1, 1)
        raise _problem(f"{TOOLS_FILE}: there is no file {file.path}", "TS020", "unreadable-file", span)
    return file


def missing(path: Path | str, what: str, model: str) -> ProblemError:
    """What has to be at hand and is not. model: its hub name, where fetching it helps."""
    fix = f"toolspec fetch {model}" if is_hub_name(model) else "give a model's folder that is on this machine"
    return _problem(f"this needs {what}", "TS044", "no-chat-template", Span(str(path), 1, 1), fix)


def _problem(message: str, code: str, name: str, span: Span | None = None, fix: str = "") -> ProblemError:
    return ProblemError((Problem(code, name, message, span, fix=fix),))
