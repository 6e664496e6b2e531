"""Whose work a file is, under the names that platforms, tools and people give; what is refused."""

import io
import os
import shutil
import stat
import struct
import sys
import tarfile
import tomllib
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from classroom import lay, notebook

from cv_course.assignments import read
from cv_course.grading import archive
from cv_course.grading.inbox import GUESSED, file_names, find

STEM = "a1_nearest_neighbours_and_templates"
TABLE = tomllib.loads(Path(__file__).with_name("inbox.toml").read_text("utf-8"))
SINGLE = TABLE.pop("one file")


def students(folder: Path, pattern=None) -> list[tuple[str, str]]:
    found, _ = find([folder], "A1", pattern)
    return [(one.student, one.id) for one in found]


@pytest.mark.parametrize("name", SINGLE)
def test_the_student_is_read_from_the_name(tmp_path, name):
    assert students(lay(tmp_path, name.replace("STEM", STEM))) == [tuple(SINGLE[name])]


def test_gradescopes_list_gives_the_names(tmp_path):
    lay(tmp_path, "export/submission_1/A1.ipynb", "export/submission_2/A1.ipynb")
    (tmp_path / "export" / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ann Lee\n    :sid: '7'\n"
        "submission_2:\n  :submitters:\n  - :name: Bo\n  - :name: Cy\n",
    )
    theirs = tmp_path / "export" / "submission_2" / "submission_metadata.yml"
    theirs.write_text("submission_1:\n  :submitters:\n  - :name: Bo\n")  # not to be believed
    assert students(tmp_path) == [("Ann Lee", "1"), ("Bo, Cy", "2")]
    (tmp_path / "export" / "submission_metadata.yml").write_text("!!python/object:os.system [x]")
    assert students(tmp_path) == [("submission_1", "1"), ("submission_2", "2")]


def test_files_that_name_nobody_are_not_merged(tmp_path):
    lay(tmp_path, "A1.ipynb", "A1 (1).ipynb", "homework.ipynb")
    found, _ = find([tmp_path], "A1")
    assert [one.student for one in found] == ["A1", "A1 (1)", "homework"]
    assert all("no student's name" in one.notes[0] for one in found)


def test_of_several_files_the_newest_counts_and_the_result_says_so(tmp_path):
    lay(tmp_path, "ann_A1 (2).ipynb", "ann_A1.ipynb", "ann_A1 (1).ipynb")
    (found,), _ = find([tmp_path], "A1")
    assert found.file == "ann_A1 (1).ipynb"
    assert found.notes == (
        "Of several files the newest counts: ann_A1 (1).ipynb "
        "(not counted: ann_A1.ipynb, ann_A1 (2).ipynb).",
    )


def test_one_name_in_two_forms_of_unicode_is_one_student(tmp_path):
    name = "김민준 José"
    lay(tmp_path, unicodedata.normalize("NFD", name) + "_A1.ipynb", f"{name}_A1 (1).ipynb")
    assert students(tmp_path) == [(name, "")]


def test_late_is_noted(tmp_path):
    (found,), _ = find([lay(tmp_path, "ann_LATE_123_4567_A1.ipynb")], "A1")
    assert "late" in found.notes[0]


def test_a_pattern_covers_other_forms(tmp_path):
    lay(tmp_path, "hw1-ann-77.ipynb", "other.ipynb")
    pattern = r"hw1-(?P<student>\w+)-(?P<id>\d+)"
    found, listed = find([tmp_path], "A1", pattern)
    assert [(one.student, one.id) for one in found] == [("ann", "77")]
    assert listed == [("other.ipynb", "its name does not match --pattern")]
    assert students(tmp_path, r"hw1-(\w+)") == [("ann", "")]
    for wrong in ("(", "ann"):
        with pytest.raises(ValueError, match="--pattern"):
            find([tmp_path], "A1", wrong)


def test_work_for_another_assignment_is_listed(tmp_path):
    found, listed = find([lay(tmp_path, "ann_A2.ipynb", "bo_A1.ipynb")], "A1")
    assert [one.student for one in found] == ["bo"]
    assert listed == [("ann_A2.ipynb", "looks like work for A2, not for A1")]


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
def test_hostile_names_become_safe_unique_file_names(tmp_path):
    wild = ["../../etc/x", "a/b", "Ann", "ANN", "ann", "con", "", ".", "..", "x" * 300]
    wild += ["y\n\r\0z", "김" * 200, "\u202etxt", "<script>", "=1+1", "a:b"]
    names = file_names([(name, "") for name in wild])
    assert len({name.casefold() for name in names.values()}) == len(wild)
    for name in names.values():
        assert name == Path(name).name
        assert not name.startswith(".")
        assert len(f".{name}.json.part".encode()) < 255
        (tmp_path / f"{name}.json").write_text("there")
    assert names["Ann", ""] == "Ann"
    # an earlier run's names keep their owners, whoever comes now
    assert file_names([("ANN", ""), ("Ann", "")], {"Ann": ("ANN", "")})["ANN", ""] == "Ann"


@pytest.mark.skipif(sys.platform == "win32", reason="bytes in names")
def test_names_that_are_no_text_can_be_shown_and_written(tmp_path):
    for raw in (b"a\xff_A1.ipynb", b"a\xfe_A1.ipynb", b"a\nb\x1b[31m_A1.ipynb"):
        with open(os.path.join(os.fsencode(tmp_path), raw), "wb") as file:
            file.write(notebook("1"))
    found = students(tmp_path)
    assert len(found) == 3
    for student, _ in found:
        assert student.encode()
        assert student.isprintable()


# --- the forms that platforms, browsers and people give ------------------------------------------

FORMS = {  # name -> files, (student, id) of each person
    name: ([file.replace("STEM", STEM) for file in one["files"]], [*map(tuple, one["people"])])
    for name, one in TABLE.items()
}


@pytest.mark.parametrize("form", FORMS)
def test_every_platforms_form_gives_each_student_once(tmp_path, form):
    names, people = FORMS[form]
    found, listed = find([lay(tmp_path, *names)], "A1")
    assert [(one.student, one.id) for one in found] == people
    seen = {one.file for one in found} | {name for name, _ in listed}
    assert seen == {name for name in names if "._" not in name}


@pytest.mark.parametrize("form", FORMS)
def test_a_name_does_not_depend_on_who_else_handed_in(tmp_path, form):
    names, people = FORMS[form]
    alone = set()
    for number, name in enumerate(name for name in names if "._" not in name):
        alone |= set(students(lay(tmp_path / str(number), name)))
    assert alone == set(people)


@pytest.mark.parametrize("form", [name for name, one in TABLE.items() if "counts" in one])
def test_the_platforms_number_counts_before_the_files_time(tmp_path, form):
    counts = TABLE[form]["counts"]
    lay(tmp_path, *sorted(FORMS[form][0], key=lambda name: name != counts))
    found, listed = find([tmp_path], "A1")
    assert counts in {one.file for one in found}
    assert all(why for _, why in listed)


def test_where_a_name_is_a_guess_a_note_says_so(tmp_path):
    lay(tmp_path, "Smith_A1_John.ipynb", "homework.ipynb", "sec1/ann_A1.ipynb", "bo_A1.ipynb")
    found, _ = find([tmp_path], "A1")
    assert {one.student for one in found if one.notes and GUESSED in one.notes[0]} == {
        "Smith John",
        "homework",
        "sec1/ann",
    }


def test_files_given_one_by_one_keep_their_folders_where_these_differ(tmp_path):
    lay(tmp_path, "alice/A1.ipynb", "bob/A1.ipynb")
    found, _ = find([tmp_path / "alice/A1.ipynb", tmp_path / "bob/A1.ipynb"], "A1")
    assert [one.student for one in found] == ["alice", "bob"]
    found, _ = find([tmp_path / "*" / "A1.ipynb"], "A1")  # in quotes, or where no shell fills it in
    assert [one.student for one in found] == ["alice", "bob"]
    found, _ = find([tmp_path / "alice", tmp_path / "bob"], "A1")
    assert [one.student for one in found] == ["alice", "bob"]
    with pytest.raises(FileNotFoundError):
        find([tmp_path / "*.zip"], "A1")


# --- archives ------------------------------------------------------------------------------------


def packed(path: Path, *names: bytes, extra=b"") -> Path:
    """A zip whose members have these names, and no flag that says how they are written."""
    places = [f"{number}{'x' * (len(name) - 1)}" for number, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as whole:
        for place in places:
            about = zipfile.ZipInfo(place)
            about.extra = extra
            whole.writestr(about, notebook(place[0]))
    data = path.read_bytes()
    for place, name in zip(places, names, strict=True):
        data = data.replace(place.encode(), name)
    path.write_bytes(data)
    return path


def infozip(raw: bytes, name: str) -> bytes:
    """The field that says a name again, in Unicode."""
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(field)) + field


@pytest.mark.parametrize(
    ("raw", "extra", "student"),
    [
        ("Müller Jürgen_A1.ipynb".encode(), b"", "Müller Jürgen"),
        (unicodedata.normalize("NFD", "Müller Jürgen_A1.ipynb").encode(), b"", "Müller Jürgen"),
        ("김민준_A1.ipynb".encode("cp949"), b"", "김민준"),
        (b"Mller_A1.ipynb", infozip(b"Mller_A1.ipynb", "Müller_A1.ipynb"), "Müller"),
    ],
)
def test_names_in_zips_of_macs_of_info_zip_and_of_a_code_page_are_read(
    tmp_path, raw, extra, student
):
    (found,), _ = find([packed(tmp_path / "in.zip", raw, extra=extra)], "A1", code_page="cp949")
    assert (found.student, found.read()) == (student, notebook("0"))


def test_backslashes_are_folders_and_drives_are_refused(tmp_path):
    names = b"class\\alice\\A1.ipynb", b"class\\bob\\A1.ipynb", b"..\\c_A1.ipynb", b"C:\\d_A1.ipynb"
    found, listed = find([packed(tmp_path / "class.zip", *names)], "A1")
    assert [one.student for one in found] == ["alice", "bob"]
    assert len(listed) == 2
    assert all("outside the archive" in why for _, why in listed)


@pytest.mark.parametrize("packing", ["", ":gz", ":bz2", ":xz"])
def test_tars_are_read(tmp_path, packing):
    lay(tmp_path / "in", "ann_A1.ipynb", "bo/A1.ipynb", "bo/._A1.ipynb")
    (tmp_path / "in" / "eve_A1.ipynb").symlink_to("/etc/passwd")
    suffix = f".tar{packing.replace(':', '.')}"
    with tarfile.open(tmp_path / f"class{suffix}", "w" + packing) as whole:
        whole.add(tmp_path / "in", "class")
    found, listed = find([tmp_path / f"class{suffix}"], "A1")
    assert [one.student for one in found] == ["ann", "bo"]
    assert found[1].read() == notebook(f"x = {'bo/A1.ipynb'!r}")
    assert listed == [("class/eve_A1.ipynb", archive.LINK)]


def test_archives_in_folders_and_in_archives_are_read(tmp_path):
    lay(tmp_path / "one", "A1.ipynb")
    with zipfile.ZipFile(tmp_path / "alice_A1.zip", "w") as inner:
        inner.write(tmp_path / "one" / "A1.ipynb", "A1.ipynb")
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "submissions.zip", "w") as outer:
        outer.write(tmp_path / "alice_A1.zip", "alice_A1.zip")
        outer.write(tmp_path / "one" / "A1.ipynb", "bob/A1.ipynb")
        outer.writestr("broken_A1.zip", b"PK no")
        outer.writestr("cy_A1.7z", b"7z")
    found, listed = find([folder], "A1")
    assert [one.student for one in found] == ["alice", "bob"]
    assert [one.read() for one in found] == [notebook("x = 'A1.ipynb'")] * 2
    reasons = dict(listed)
    assert "whole" in reasons["submissions/broken_A1.zip"]
    assert "unpack it first" in reasons["submissions/cy_A1.7z"]


def test_an_archive_that_unpacks_without_end_is_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1 << 20)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as whole:
        about = tarfile.TarInfo("ann_A1.ipynb")
        about.size = 1 << 23
        whole.addfile(about, io.BytesIO(bytes(1 << 23)))
    lay(tmp_path, "bo_A1.ipynb")
    found, listed = find([tmp_path], "A1")
    assert [one.student for one in found] == ["bo"]
    assert listed == [("bomb.tar.gz", "unpacked it is more than 0 GB")]


def test_folders_of_any_depth_on_disk_and_in_a_zip_are_alike(tmp_path):
    deep = "a/b/c/d/e/f"
    lay(tmp_path / "in", f"{deep}/{deep}/bo_A1.ipynb", f"{deep}/{deep}/g/eve_A1.ipynb")
    shutil.make_archive(tmp_path / "in", "zip", tmp_path / "in")
    (one,), listed = find([tmp_path / "in"], "A1")
    (other,), packed = find([tmp_path / "in.zip"], "A1")
    assert one.student == other.student == f"{deep}/{deep}/bo"
    assert {why for _, why in [*listed, *packed]} == {archive.DEEP}


# --- what is none --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
def test_what_is_no_file_is_listed_and_not_read(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(notebook("secret"))
    folder = lay(tmp_path / "in", "ann_A1.ipynb", "notes.pdf")
    (folder / "eve_A1.ipynb").symlink_to(secret)
    (folder / "dir_A1.ipynb").mkdir()
    os.mkfifo(folder / "pipe_A1.ipynb")
    (folder / "empty").mkdir()
    (folder / "away").symlink_to(tmp_path)
    (folder / "gone_A1.ipynb").symlink_to("nowhere")
    found, listed = find([folder], "A1")
    assert [one.student for one in found] == ["ann"]
    assert {name: why for name, why in listed} == {
        "eve_A1.ipynb": archive.LINK,
        "away": archive.LINK,
        "gone_A1.ipynb": archive.LINK,
        "dir_A1.ipynb": archive.FOLDER,
        "pipe_A1.ipynb": "neither a file nor a folder",
        "empty": "an empty folder",
        "notes.pdf": "not a notebook (its name does not end in .ipynb)",
    }
    found, listed = find([folder / "eve_A1.ipynb", folder / "ann_A1.ipynb"], "A1")
    assert [one.student for one in found] == ["ann"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_file_that_becomes_a_link_or_a_pipe_before_it_is_read_is_not_read(tmp_path):
    folder = lay(tmp_path, "ann_A1.ipynb", "bo_A1.ipynb")
    found, _ = find([folder], "A1")
    for name in ("ann_A1.ipynb", "bo_A1.ipynb"):
        (folder / name).unlink()
    (folder / "ann_A1.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder / "bo_A1.ipynb")
    with pytest.raises(OSError, match="ann_A1"):
        found[0].read()
    with pytest.raises(ValueError, match="regular"):
        found[1].read()


def test_no_more_is_read_than_a_notebook_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "MOST_BYTES", 100)
    (tmp_path / "ann_A1.ipynb").write_bytes(b" " * 1000)
    (found,), _ = find([tmp_path], "A1")
    assert len(found.read()) == 101


def hostile_zip(path: Path) -> Path:
    def member(name, mode=stat.S_IFREG | 0o644):
        about = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 5))
        about.external_attr = mode << 16
        about.compress_type = zipfile.ZIP_DEFLATED
        return about

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member("ann_12345_678901_A1.ipynb"), notebook("ann"))
        archive.writestr(member("../../bo_A1.ipynb"), notebook("bo"))
        archive.writestr(member("/abs_A1.ipynb"), notebook("abs"))
        archive.writestr(member("link_A1.ipynb", stat.S_IFLNK | 0o777), "/etc/passwd")
        archive.writestr(member("pipe_A1.ipynb", stat.S_IFIFO | 0o644), "")
        archive.writestr(member("bomb_A1.ipynb"), b" " * 2**20)
        archive.writestr(member("twin_A1.ipynb"), notebook("first"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(member("twin_A1.ipynb"), notebook("second"))
        archive.writestr(member("locked_A1.ipynb"), notebook("locked"))
        archive.writestr(member("__MACOSX/._ann_A1.ipynb"), "litter")
        archive.writestr(member("inner.zip"), "zip")
        archive.writestr(member("spoilt_A1.ipynb"), notebook("spoilt"))
    data = bytearray(path.read_bytes())
    # the flag in the directory at the end says that a member is encrypted
    at = data.rindex(b"locked_A1.ipynb") - 46
    data[at + 8] |= 1
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("spoilt_A1.ipynb").header_offset
    data[start + 50] ^= 0xFF
    path.write_bytes(data)
    return path


def test_a_zip_is_read_in_memory_and_its_tricks_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "MOST_BYTES", 2**16)
    whole = hostile_zip(tmp_path / "class.zip")
    found, listed = find([whole], "A1")
    reasons = dict(listed)
    contents = {}
    for one in found:
        try:
            contents[one.student] = one.read()
        except ValueError as problem:
            contents[one.student] = str(problem)
    assert contents["ann"] == notebook("ann")
    assert contents["twin"] == notebook("second")
    assert len(contents["bomb"]) == 2**16 + 1
    assert "damaged" in contents["spoilt"]
    assert set(contents) == {"ann", "twin", "bomb", "spoilt"}
    assert "outside" in reasons["../../bo_A1.ipynb"]
    assert "outside" in reasons["/abs_A1.ipynb"]
    assert reasons["link_A1.ipynb"] == archive.LINK
    assert reasons["pipe_A1.ipynb"] == "neither a file nor a folder"
    assert reasons["locked_A1.ipynb"] == "encrypted"
    assert "later member" in reasons["twin_A1.ipynb"]
    assert "no zip file or tar" in reasons["inner.zip"]
    assert list(tmp_path.iterdir()) == [whole]


def test_a_file_that_is_no_zip_says_so(tmp_path):
    (tmp_path / "class.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="no zip file or tar"):
        find([tmp_path / "class.zip"], "A1")
