"""`compile --pack`: the rows are in the bundle, and a second compile finds nothing to do."""

from __future__ import annotations

from pathlib import Path

from toolspec.backends.verl.compile import compile_spec, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "calculator" / "exp.yaml"


def test_packed_rows_are_those_of_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    packed = write(compile_spec(EXAMPLE, out=folder, pack=True))
    (store,) = (tmp_path / "data").iterdir()
    for name in ("train.parquet", "val.parquet"):
        assert (folder / "data" / name).read_bytes() == (store / name).read_bytes()
    config = (folder / "config.yaml").read_text("utf-8")
    assert "train_files: data/train.parquet" in config
    assert "../data" not in config
    assert (packed.written.state, write(compile_spec(EXAMPLE, out=folder, pack=True)).written.state) == (
        "new",
        "unchanged",
    )


def test_changed_rows_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    write(compile_spec(EXAMPLE, out=folder, pack=True))
    (folder / "data" / "val.parquet").write_bytes(b"edited")
    assert write(compile_spec(EXAMPLE, out=folder, pack=True), force=True).written.state == "replaced"
    assert (folder / "data" / "val.parquet").read_bytes() != b"edited"
