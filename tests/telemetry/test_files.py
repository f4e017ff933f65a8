"""Files that are whole wherever somebody reads them."""

from __future__ import annotations

from pathlib import Path

from telemetry.files import write_all


def test_texts_are_written_below_a_folder_with_nothing_beside_them(tmp_path: Path) -> None:
    contents = {"a.txt": "one\n", "deep/er/b.txt": "zwölf\r\n"}
    write_all(tmp_path / "new", contents)
    write_all(tmp_path / "new", contents)
    found = {
        path.relative_to(tmp_path / "new").as_posix(): path.read_bytes()
        for path in (tmp_path / "new").rglob("*")
        if path.is_file()
    }
    assert found == {name: text.encode() for name, text in contents.items()}
