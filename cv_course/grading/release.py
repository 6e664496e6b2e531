"""The students' edition: notebooks without solutions, and the part of the package that they need.

It is a repository of its own, so that the instructors' can stay private. What students get of the
package is a list of what may go out, not of what may not; nobody's answer is on it.
"""

import ast
import contextlib
import io
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from cv_course import notebooks
from cv_course.assignments import registry
from cv_course.assignments.box import PUBLIC
from cv_course.files import MINI
from cv_course.grading.pages import page

MARK = ".students-edition"  # in every folder that this module wrote
# What the preview needs, too.
_BESIDE = ("__main__.py", "cli.py", "grading/__init__.py", f"_data/{MINI}")
_BEGIN, _END = ("BEGIN SOLUTION", "END SOLUTION")
_SHORTEST = 12  # characters: shorter lines are everybody's, such as "return out"
_EVERYBODYS = re.compile(
    r"(return |yield )?[\w.]+,?"
    r"|[\w.]+\(\w*\),?"
    r"|for \w+ in (range|enumerate|zip)\([\w., ]+\):"
    r"|with torch\.no_grad\(\):"
    r"|def __init__\(self\):|super\(\)\.__init__\(\)|def forward\(self, \w+\):"
)
_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


class Leak(RuntimeError):
    """Something that answers a question would have gone out; nothing was written."""


def release(names: Sequence[str] = (), *, all: bool = False, out: Path) -> None:
    """Write the students' edition of some assignments into ``out``, whole or not at all.

    Args:
        names: A1 …
        all: every assignment.
        out: a folder that does not exist, is empty, or was written by this command before.

    Raises:
        ValueError: no such assignment, or ``out`` holds something else.
        RuntimeError: a solution would leak (:class:`Leak`), or a released notebook does not run as
            an untouched one must.
    """
    known = registry.ASSIGNMENTS
    if not (names or all):
        raise ValueError(f"which assignment? Name {', '.join(known)}, or give --all.")
    chosen = [registry.look_up(name) for name in dict.fromkeys(known if all else names)]
    out = Path(out).absolute()
    ours = not out.exists() or (out / MARK).exists() or (out.is_dir() and not any(out.iterdir()))
    if not ours:
        raise ValueError(
            f"{out} holds something that this command did not write. Choose another folder, or "
            "empty this one."
        )
    root = notebooks.notebooks_folder().parent
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        new = Path(place) / "new"
        _write(chosen, root, new)
        verify(chosen, root, new)
        if out.exists():
            out.rename(Path(place) / "old")
        new.rename(out)
    print(f"Written to {out}: {', '.join(one.stem for one in chosen)}.")


# --- writing -------------------------------------------------------------------------------------


def _write(chosen: Sequence[registry.Assignment], root: Path, out: Path) -> None:
    import nbformat

    about = project(root)
    for name in ("LICENSE", *(f"cv_course/{one}" for one in package_files(chosen, root))):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, out / name)
    texts = {
        "pyproject.toml": page("student_project.toml", project=about),
        "README.md": page("README.md", chosen=chosen, urls=about["urls"], badge=badge),
        MARK: "Written by `cv-course release`, which may replace this folder.\n",
    }
    for one in chosen:
        notebook = student_notebook(source_of(root, one), one, about["urls"])
        texts[f"{one.stem}.ipynb"] = nbformat.writes(notebook) + "\n"
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")


def package_files(chosen: Sequence[registry.Assignment], root: Path) -> list[str]:
    """What students get of the package, for the assignments chosen."""
    package, mine = root / "cv_course", [one.name.lower() for one in chosen]
    folder = sorted(package.glob("assignments/*.*"))
    own = [one for one in folder if one.stem in mine or not registry.is_assignment(one.stem)]
    own = [f"assignments/{one.name}" for one in own]
    own += [f"_data/practice_{name}.npz" for name in mine]
    return [name for name in (*PUBLIC, *_BESIDE, *own) if (package / name).is_file()]


def project(root: Path) -> dict:
    """What the project says of itself; its ``urls`` name the students' repository, too."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def source_of(root: Path, assignment: registry.Assignment) -> Path:
    return root / "notebooks" / "assignments" / "text" / f"{assignment.stem}.py"


def student_notebook(source: Path, assignment: registry.Assignment, addresses: dict[str, str]):
    """An assignment's notebook as students open it, from its text."""
    import jupytext

    notebook = jupytext.read(source)
    notebooks.clean(notebook)
    notebook = _cleared(notebook)
    for number, cell in enumerate(notebook.cells):
        cell.id = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        if cell.cell_type == "markdown":
            cell.source = _absolute_links(cell.source, addresses["Repository"])
        if number == 0:
            # behind the title
            cell.source = cell.source.replace("\n", f"\n\n{badge(assignment, addresses)}\n", 1)
    return notebook


def _cleared(notebook):
    """What nbgrader's own ``generate_assignment`` does, without its database."""
    try:
        from nbgrader import preprocessors
    except ModuleNotFoundError as missing:
        raise RuntimeError(
            f"{missing}. Releasing needs nbgrader: pip install 'cv-course[grade]'"
        ) from missing
    for name in (
        "LockCells",
        "ClearSolutions",
        "ClearOutput",
        "CheckCellMetadata",
        "ClearHiddenTests",
        "ClearMarkScheme",
        "ComputeChecksums",
        "CheckCellMetadata",
    ):
        with contextlib.redirect_stderr(io.StringIO()):
            notebook, _ = getattr(preprocessors, name)().preprocess(notebook, {})
    return notebook


def badge(assignment: registry.Assignment, addresses: dict[str, str]) -> str:
    place = addresses["Assignments"].removeprefix("https://github.com/")
    address = f"https://colab.research.google.com/github/{place}/blob/main/{assignment.stem}.ipynb"
    return f"[![Open in Colab]({_BADGE})]({address})"


def _absolute_links(markdown: str, repository: str) -> str:
    """Links to the sections, which the students' edition does not hold, lead to the workbook."""
    return re.sub(
        r"\]\(\.\./(\w+\.ipynb(#[^)]*)?)\)", rf"]({repository}/blob/main/notebooks/\1)", markdown
    )


# --- verifying -----------------------------------------------------------------------------------


def verify(chosen: Sequence[registry.Assignment], root: Path, out: Path) -> None:
    """Raise :class:`Leak` or ``RuntimeError`` unless ``out`` may go to students.

    No line of any solution or of the trusted answers is in any of its files, and each notebook runs
    from top to bottom with nothing but what lies beside it, where every check says *not done yet*.
    """
    secret = dict(_secret_lines(root))
    for file in sorted(out.rglob("*")):
        if file.is_file() and file.suffix not in (".png", ".npz"):
            _no_secret(file, file.read_text(encoding="utf-8"), secret, out)
        if "answers" in file.parts:
            raise Leak(f"{file.relative_to(out)} would have gone to students.")
    for assignment in chosen:
        _runs_untouched(assignment, out)


def _no_secret(file: Path, content: str, secret: dict[str, str], out: Path) -> None:
    if file.suffix == ".ipynb":
        import nbformat

        cells = nbformat.reads(content, as_version=4).cells
        content = "\n".join(cell.source for cell in cells)
        for left in (_BEGIN, _END, "BEGIN HIDDEN TESTS"):
            if left in content:
                raise Leak(f"{file.relative_to(out)} still holds a line with {left}.")
    flat = _flat(content)
    for line, origin in secret.items():
        if line in flat:
            raise Leak(
                f"{file.relative_to(out)} would give a solution away. This line of {origin} is in "
                f"it: {line}"
            )


def _secret_lines(root: Path) -> Iterator[tuple[str, str]]:
    """(line, where it comes from) of all that students must not see."""
    import jupytext

    for file in sorted((root / "cv_course" / "grading" / "answers").glob("*.py")):
        for line in _code_lines(file.read_text(encoding="utf-8")):
            yield line, file.name
    for file in sorted((root / "notebooks" / "assignments" / "text").glob("*.py")):
        for cell in jupytext.read(file).cells:
            for part in re.findall(f"{_BEGIN}(.*?){_END}", cell.source, re.DOTALL):
                for line in map(_bare, part.splitlines()):
                    if _tells(line):
                        yield line, file.name


def _code_lines(source: str) -> Iterable[str]:
    """Lines of code without comments, imports, docstrings, and what is too short to tell."""
    tree = ast.parse(source)
    dull = set()
    for node in ast.walk(tree):
        told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if told or isinstance(node, ast.Import | ast.ImportFrom):
            dull.update(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, ast.FunctionDef):  # the names of functions and arguments are public
            dull.update(range(node.lineno, node.body[0].lineno))
    for number, line in enumerate(map(_bare, source.splitlines()), 1):
        if number not in dull and _tells(line):
            yield line


def _bare(line: str) -> str:
    """A line without its comment."""
    return _flat(re.sub(r"(^|  )#.*", "", line))


def _tells(code: str) -> bool:
    """Whether a line is one's own: not ``return answer``, not ``return tuple(``."""
    plain = code.endswith(("(", "[", "{")) or _EVERYBODYS.fullmatch(code)
    return len(code) >= _SHORTEST and not plain


def _flat(text: str) -> str:
    return " ".join(text.split())


def _runs_untouched(assignment: registry.Assignment, out: Path) -> None:
    import jupytext
    import nbformat

    file = out / f"{assignment.stem}.ipynb"
    notebook = jupytext.read(file)
    where = nbformat.v4.new_code_cell("import cv_course\nprint(cv_course.__file__)")
    notebook.cells.append(where)
    # what starts now finds the package in ``out`` before any other
    with mock.patch.dict(os.environ, PYTHONPATH=str(out), PYTHONDONTWRITEBYTECODE="1"):
        failed = notebooks.execute(notebook, file, timeout=300)
    if failed:
        raise RuntimeError(f"{file.name}, untouched, does not run: {failed}.")
    if str(out) not in _printed(notebook.cells[-1]):
        raise RuntimeError(f"{file.name} ran with another package: {_printed(notebook.cells[-1])}")
    said = "".join(_printed(cell) for cell in notebook.cells)
    for question in assignment.questions:
        if f"… {question.name} is not done yet" not in said:
            raise RuntimeError(
                f"{file.name}, untouched: check({question.name}) does not say that it is not done "
                "yet. Is there a check, and does the stub raise NotImplementedError?"
            )
    written = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for name, _, _ in assignment.free_text:
        if not re.search(rf"your answer\W+{name}\W[\s\S]*{registry.EMPTY_ANSWER}", written, re.I):
            raise RuntimeError(f"{file.name} has no place for the answer to {name}.")


def _printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))
