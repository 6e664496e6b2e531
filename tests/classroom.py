"""A made-up class: notebooks, and a grader that answers at once, for tests of all around it."""

import hashlib
import json
import os
import time
from pathlib import Path

from cv_course.assignments.registry import ASSIGNMENTS


def cell(source, kind="code", **more) -> dict:
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def notebook(*sources: str, texts=(), outputs=()) -> bytes:
    """Cells of code, each with these outputs, and then of text."""
    cells = [cell(source, outputs=list(outputs)) for source in sources]
    cells += [cell(text, "markdown") for text in texts]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def fake(assignment: str, content: bytes, *, seed, timeout, unsafe) -> dict:
    """A result that depends on all that a grader is given, in the form of ``marking.grade``."""
    if pause := os.environ.get("FAKE_SECONDS"):
        time.sleep(float(pause))
    if b"os._exit" in content:
        os._exit(9)
    if b"raise" in content:
        raise RuntimeError("a defect of the grader")
    digest = hashlib.sha256(content + str(seed).encode()).digest()
    questions = []
    for number, question in enumerate(ASSIGNMENTS[assignment].questions):
        right = digest[number] % 3
        status = ("wrong", "partial", "correct")[right]
        messages = [f"{question.name} is not right yet. Tried: <b>two</b> rows."] * (right < 2)
        messages += ["Look here: you returned the squared distance."] * (right == 0)
        points = {"score": question.points * right / 2, "max_score": question.points}
        questions.append({"name": question.name, **points, "status": status, "messages": messages})
    return {
        "score": sum(one["score"] for one in questions),
        "max_score": ASSIGNMENTS[assignment].points,
        "sandbox": "none" if unsafe else "bubblewrap",
        "questions": questions,
        "notes": [],
        "free_text": {name: digest.hex() for name, *_ in ASSIGNMENTS[assignment].free_text},
    }


def lay(folder: Path, *names: str, when: int = 1_700_000_000) -> Path:
    """Different notebooks of these names; each is a minute newer than the one before."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook(f"x = {name!r}"))
        os.utime(path, (when + 60 * number,) * 2)
    return folder
