"""What students get in place of the answers: ``python -m cv_course.grading.practice`` stores it.

Expected values of the practice seed's cases, and what usual mistakes give there. To be run
whenever a case, a reference or a diagnosis of an assignment has changed.
"""

import numpy as np

from cv_course import grading
from cv_course.assignments import registry
from cv_course.drill import agree

_MOST = 5_000  # values; of larger answers no usual mistakes are stored


def collect(assignment: registry.Assignment) -> dict[str, np.ndarray]:
    """All that is stored of an assignment, by ``question/case/kind/name of the answer``."""
    found: dict[str, np.ndarray] = {}
    for question in grading.questions(assignment):
        if not question.reference:
            continue
        named = list(dict.fromkeys(one[1:] for one in question.diagnoses))
        found[f"{question.name}/named"] = np.array(named, dtype=str)
        drawn = question.cases(np.random.default_rng(registry.PRACTICE_SEED))
        for number, case in enumerate(drawn):
            start = f"{question.name}/{number}"
            known = question.work_out(case)
            found[f"{start}/fingerprint"] = registry.fingerprint(case.arguments)
            found |= _stored(f"{start}/expected", known.expected)
            said = []
            if sum(array.size for array in known.expected.values()) <= _MOST:
                for usual, *names in known.mistakes():
                    if not agree(question, usual, known.expected):
                        found |= _stored(f"{start}/{len(said)}", usual)
                        said.append(named.index(tuple(names)))
            found[f"{start}/said"] = np.array(said, int)
    return found


def _stored(start: str, answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{start}/{name}": _small(array) for name, array in answers.items()}


def _small(array: np.ndarray) -> np.ndarray:
    """The same numbers in fewer bytes, as exact as answers are compared."""
    if array.dtype != np.float64:
        return array
    if (np.abs(array) < 2**15).all() and (array == np.rint(array)).all():
        return array.astype(np.int16)
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def store() -> None:
    """Write the file of every assignment that has answers here."""
    for assignment in registry.ASSIGNMENTS.values():
        file = registry.practice_file(assignment)
        np.savez_compressed(file, **collect(assignment))
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    store()
