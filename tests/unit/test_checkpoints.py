"""Checkpoints of verl's layout: which are whole, which half, which pruned; and which a restart takes up."""

from __future__ import annotations

import json
import os
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
if str(RUNTIME) not in sys.path:
    sys.path.insert(0, str(RUNTIME))

import ts_attempt  # noqa: E402
import ts_checkpoint  # noqa: E402
import ts_resume  # noqa: E402

SETTINGS = {
    "contents": ["model", "optimizer", "extra"],
    "critic": False,
    "checkpoints": "x",
    "resume": "auto",
}
KINDS = ("model", "optim", "extra_state")


def saved(file: Path) -> None:
    """As torch.save writes: a zip archive, uncompressed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 200)
        archive.writestr("archive/version", b"3\n")


def checkpoint(folder: Path, step: int, ranks: int = 2, parts: tuple[str, ...] = ("actor",)) -> Path:
    place = folder / f"global_step_{step}"
    for part in parts:
        for kind in KINDS:
            for rank in range(ranks):
                saved(place / part / f"{kind}_world_size_{ranks}_rank_{rank}.pt")
    saved(place / "data.pt")
    (folder / ts_checkpoint.TRACKER).write_text(str(step))
    return place


def states(folder: Path, **other: object) -> dict[int, str]:
    return {each.step: each.state for each in ts_checkpoint.checkpoints(folder, {**SETTINGS, **other})}


def test_what_verl_wrote_to_its_end_is_whole(tmp_path: Path) -> None:
    for step in (2, 10, 4):
        checkpoint(tmp_path, step)
    assert states(tmp_path) == {2: "whole", 4: "whole", 10: "whole"}
    assert ts_checkpoint.newest_whole(ts_checkpoint.checkpoints(tmp_path, SETTINGS)).step == 10  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda place: (place / "data.pt").unlink(), "data.pt is not there"),
        (
            lambda place: (place / "actor" / "optim_world_size_2_rank_1.pt").unlink(),
            "optim_world_size_2_rank_1.pt is not",
        ),
        (
            lambda place: (place / "actor" / "model_world_size_2_rank_0.pt").write_bytes(
                (place / "actor" / "model_world_size_2_rank_0.pt").read_bytes()[:-30]
            ),
            "actor: model_world_size_2_rank_0.pt is cut",
        ),
        (
            lambda place: (place / "actor" / "extra_state_world_size_2_rank_0.pt").write_bytes(b""),
            "is cut (0 bytes",
        ),
        (
            lambda place: saved(place / "actor" / "model_world_size_4_rank_0.pt"),
            "holds shards of 2 and 4 ranks",
        ),
        (lambda place: (place / "data.pt").write_bytes(b"PK\x03\x04" + b"\0" * 500), "data.pt is cut"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, spoil: object, why: str) -> None:
    spoil(checkpoint(tmp_path, 4))  # type: ignore[operator]
    (found,) = ts_checkpoint.checkpoints(tmp_path, SETTINGS)
    assert (found.state, why in found.why) == ("half", True), found.why


def test_a_critic_is_part_of_it_where_there_is_one(tmp_path: Path) -> None:
    checkpoint(tmp_path, 1)
    checkpoint(tmp_path, 2, parts=("actor", "critic"))
    assert states(tmp_path, critic=True) == {1: "half", 2: "whole"}


def test_what_retention_removed_is_no_fault(tmp_path: Path) -> None:
    """max_actor_ckpt_to_keep removes `actor` and leaves data.pt; a newer one without `actor` has only begun."""
    for step in (1, 2, 3):
        checkpoint(tmp_path, step)
    for step in (1, 3):
        for file in (tmp_path / f"global_step_{step}" / "actor").iterdir():
            file.unlink()
        (tmp_path / f"global_step_{step}" / "actor").rmdir()
    assert states(tmp_path) == {1: "pruned", 2: "whole", 3: "half"}


def weights(file: Path, size: int, written: int) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * written)


@pytest.mark.parametrize(("written", "state"), [(64, "whole"), (60, "half")])
def test_a_copy_for_transformers_is_as_long_as_it_says(tmp_path: Path, written: int, state: str) -> None:
    place = checkpoint(tmp_path, 1)
    weights(place / "actor" / "huggingface" / "model.safetensors", 64, written)
    assert states(tmp_path, contents=[*SETTINGS["contents"], "hf_model"]) == {1: state}  # type: ignore[misc]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(at=st.floats(0, 0.999), which=st.integers(0, 6), flip=st.booleans())
def test_a_file_that_was_cut_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, at: float, which: int, flip: bool
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    place = checkpoint(folder, 3)
    file = sorted(path for path in place.rglob("*.pt"))[which]
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * at)])
    assert states(folder) == {3: "half"}


def attempt(run: Path, restart: int = 0) -> ts_attempt.Attempt:
    return ts_attempt.Attempt(run, 1, "abcd", "7", 7, restart, 0, 1, None, "", None)


def begun(run: Path, key: str = "k") -> Path:
    (run / "checkpoints").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"key": key}))
    return run / "checkpoints"


def test_a_half_one_is_set_aside_and_the_whole_one_before_it_taken_up(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    checkpoint(folder, 2)
    (checkpoint(folder, 3) / "data.pt").unlink()
    (folder / ts_checkpoint.TRACKER).write_text("3")
    found = ts_resume.take_up(attempt(tmp_path / "r"), SETTINGS, folder)
    assert (found.step, found.overrides[0]) == (2, "trainer.resume_mode=resume_path")
    assert found.overrides[1] == f"trainer.resume_from_path='{(folder / 'global_step_2').resolve()}'"
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "aside",
        "global_step_2",
        ts_checkpoint.TRACKER,
    ]
    assert [path.name for path in (folder / "aside").iterdir()] == ["global_step_3-7.0"]
    assert (folder / ts_checkpoint.TRACKER).read_text() == "2"
    (event,) = [json.loads(file.read_text()) for file in (tmp_path / "r" / "events").iterdir()]
    assert (event["kind"], event["step"], event["why"]) == ("aside", 3, "data.pt is not there")


def test_a_link_to_another_disk_keeps_its_name(tmp_path: Path) -> None:
    """verl takes the step from the path, and asserts `global_step_` in it."""
    folder = begun(tmp_path / "r")
    checkpoint(folder, 2).rename(tmp_path / "moved")
    (folder / "global_step_2").symlink_to(tmp_path / "moved")
    found = ts_resume.take_up(attempt(tmp_path / "r"), SETTINGS, folder)
    assert found.overrides[1] == f"trainer.resume_from_path='{folder.resolve() / 'global_step_2'}'"


def test_no_more_are_kept_over_restarts_than_asked(tmp_path: Path) -> None:
    """verl's retention counts what its own process has saved: each restart would leave `keep` more."""
    folder = begun(tmp_path / "r")
    for step in (2, 4, 6, 8):
        checkpoint(folder, step)
    keep = {**SETTINGS, "keep": 2}
    ts_resume.take_up(attempt(tmp_path / "r"), {**keep, "resume_step": 6}, folder)
    assert states(folder) == {2: "pruned", 4: "whole", 6: "whole", 8: "whole"}, "newer ones are not counted"
    assert ts_resume.take_up(attempt(tmp_path / "r", 1), keep, folder).step == 8
    assert states(folder) == {2: "pruned", 4: "pruned", 6: "whole", 8: "whole"}
    assert (folder / "global_step_2" / "data.pt").exists()
    (folder / ts_checkpoint.TRACKER).write_text("")
    assert states(folder)[2] == "pruned", "the tracker does not decide it alone"


@pytest.mark.parametrize("what", ["zeros", "pipe"])
def test_a_file_with_a_hole_and_one_that_is_none(tmp_path: Path, what: str) -> None:
    file = checkpoint(tmp_path, 2) / "actor" / "model_world_size_2_rank_1.pt"
    data = file.read_bytes()
    if what == "zeros":
        file.write_bytes(bytes(30) + data[30:])
    else:
        file.unlink()
        os.mkfifo(file)
    assert states(tmp_path) == {2: "half"}


@pytest.mark.parametrize("text", ["", "x", "99"])
def test_a_tracker_that_names_nothing_does_not_stop_a_run(tmp_path: Path, text: str) -> None:
    """V0 raises ValueError on an empty tracker even where resume_from_path is given (find_latest_ckpt_path)."""
    folder = begun(tmp_path / "r")
    checkpoint(folder, 2)
    (folder / ts_checkpoint.TRACKER).write_text(text)
    assert ts_resume.take_up(attempt(tmp_path / "r"), SETTINGS, folder).step == 2
    assert (folder / ts_checkpoint.TRACKER).read_text() == "2"


def test_without_a_whole_one_it_begins_at_the_first_step(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    (checkpoint(folder, 1) / "data.pt").unlink()
    found = ts_resume.take_up(attempt(tmp_path / "r"), SETTINGS, folder)
    assert (found.step, found.overrides) == (0, ("trainer.resume_mode=disable",))
    assert not (folder / ts_checkpoint.TRACKER).exists()


def test_another_runs_checkpoints_are_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    begun(tmp_path / "a", "one"), begun(tmp_path / "b", "two")
    ts_resume.take_up(attempt(tmp_path / "a"), SETTINGS, shared)
    checkpoint(shared, 5)
    assert ts_resume.take_up(attempt(tmp_path / "a", 1), SETTINGS, shared).step == 5
    with pytest.raises(ts_resume.Refused, match=r"checkpoints of another run \(a\)"):
        ts_resume.take_up(attempt(tmp_path / "b"), SETTINGS, shared)


def test_checkpoints_of_nobody_known_are_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    checkpoint(shared, 5)
    begun(tmp_path / "a")
    with pytest.raises(ts_resume.Refused, match="has checkpoints that this run did not write"):
        ts_resume.take_up(attempt(tmp_path / "a"), SETTINGS, shared)


def test_a_step_that_is_asked_for(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    for step in (2, 4):
        checkpoint(folder, step)
    asked = {**SETTINGS, "resume_step": 2}
    assert ts_resume.take_up(attempt(tmp_path / "r"), asked, folder).step == 2
    with pytest.raises(ts_resume.Refused, match="no checkpoint of step 3; whole ones: 2, 4"):
        ts_resume.take_up(attempt(tmp_path / "r"), {**SETTINGS, "resume_step": 3}, folder)


@pytest.mark.parametrize("name", ["a b", "ü%j", "it's", "a=b,c", "[x]{y}", "a\\b", "a\\'b", "a\\\\"])
def test_hydra_reads_the_path_as_it_is(tmp_path: Path, name: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    folder = begun(tmp_path / name)
    place = checkpoint(folder, 2)
    found = ts_resume.take_up(attempt(tmp_path / name), SETTINGS, folder)
    override = OverridesParser.create().parse_override(found.overrides[1])
    assert override.value() == str(place.resolve())
