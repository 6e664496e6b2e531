"""What a question is, and how an answer to it is examined."""

import copy
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call of the student's function, and what it probes in a learner's words."""

    about: str
    arguments: tuple


@dataclass(frozen=True)
class Question:
    """Everything that is known about one exercise.

    Args:
        name: the function's name; students' work is found by it.
        contract: one sentence: arguments with shapes, and what comes back.
        cases: random generator -> cases, the smallest first.
        reference: the trusted answer, called with a case's arguments.
        diagnoses: (a usual wrong answer as a function, the sentence that names the mistake).
        hints: from a nudge to nearly the answer.
        points: what it is worth in an assignment; practice counts 0.
        rtol, atol: the tolerances; ``atol`` is a fraction of the largest expected value.
    """

    name: str
    contract: str
    cases: Callable[[np.random.Generator], Iterable[Case]]
    reference: Callable
    diagnoses: Sequence[tuple[Callable, str]] = ()
    hints: Sequence[str] = ()
    points: float = 0
    rtol: float = 1e-4
    atol: float = 1e-3


@dataclass
class Verdict:
    """``status`` is ``correct``, ``wrong``, ``missing`` (not begun) or ``error`` (raised)."""

    status: str
    messages: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sign = {"correct": "✓", "missing": "…"}.get(self.status, "✗")
        return "\n  ".join([f"{sign} {self.messages[0]}", *self.messages[1:]])


def examine(question: Question, function: Callable, seed: int = 0) -> Verdict:
    """Call ``function`` on every case of ``question`` and say what came of it.

    A case whose input was changed in place counts as wrong. Nothing that the function raises
    leaves this call, except an interrupt by the user.
    """
    cases = list(question.cases(np.random.default_rng(seed)))
    remarks: list[str] = []
    for case in cases:
        given = copy.deepcopy(case.arguments)
        try:
            answer = function(*given)
        except NotImplementedError:
            return _missing(question)
        except (Exception, SystemExit) as problem:
            return Verdict(
                "error",
                [
                    f"{question.name} stopped with {type(problem).__name__}: {problem}",
                    *_own_line(function, problem),
                    f"while it was given: {case.about}.{_small(case.arguments)}",
                ],
            )
        if answer is None or answer is Ellipsis:
            return _missing(question)
        complaint = _compare(question, case, answer, remarks)
        if complaint is None and not _same(given, case.arguments):
            complaint = [
                "The answer is right, but the input was changed in place; whoever called the "
                "function still needs it. Work on a copy."
            ]
        if complaint:
            return Verdict(
                "wrong",
                [f"{question.name} is not right yet. Tried: {case.about}.", *complaint],
            )
    count = f"{len(cases)} cases" if len(cases) > 1 else "1 case"
    return Verdict("correct", [f"{question.name} is right ({count} tried).", *remarks])


def _missing(question: Question) -> Verdict:
    return Verdict("missing", [f"{question.name} is not done yet. {question.contract}"])


def _own_line(function: Callable, problem: BaseException) -> list[str]:
    """The last line of the student's own that was running, not one inside a library."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == file]
    return [f"in line {f.lineno}: {f.line or '(source not at hand)'}" for f in frames[-1:]]


def as_array(answer) -> np.ndarray:
    """A NumPy array from an array, a tensor (also one that requires grad), a list or a number."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    return np.asarray(answer)


def _compare(question: Question, case: Case, answer, remarks: list[str]) -> list[str] | None:
    """None where the answer is right, else sentences that say what is wrong with it."""
    expected = as_array(question.reference(*copy.deepcopy(case.arguments)))
    try:
        received = as_array(answer)
    except Exception:
        received = np.array(None)
    if received.dtype.kind not in "biuf":
        return [f"Expected numbers, got {type(answer).__name__}: {answer!r:.80}."]
    remark = "(A list came back; it was read as an array.)"
    if isinstance(answer, list | tuple) and remark not in remarks:
        remarks.append(remark)
    if received.shape != expected.shape:
        complaint = [f"Expected shape {expected.shape}, got {received.shape}."]
        return complaint + _diagnose(question, case, received) + _context(case)
    if not np.isfinite(received).all():
        complaint = ["The answer holds NaN or infinity."]
        return complaint + _diagnose(question, case, received) + _context(case)
    wrong = ~_close(question, received, expected)
    if not wrong.any():
        return None
    if expected.ndim == 0:
        complaint = [f"Expected {expected:.6g}, got {received:.6g}."]
    else:
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        share = f"{wrong.sum():,} of {wrong.size:,} values differ"
        complaint = [
            f"{share}, the first at {list(place)}: "
            f"expected {expected[place]:.6g}, got {received[place]:.6g}."
        ]
    return complaint + _diagnose(question, case, received) + _context(case)


def _close(question: Question, received: np.ndarray, expected: np.ndarray) -> np.ndarray:
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    return np.isclose(received, expected, rtol=question.rtol, atol=question.atol * scale + 1e-9)


def _diagnose(question: Question, case: Case, received: np.ndarray) -> list[str]:
    for mistake, sentence in question.diagnoses:
        try:
            with np.errstate(all="ignore"):
                usual = as_array(mistake(*copy.deepcopy(case.arguments)))
        except Exception:  # a usual mistake need not survive every input
            continue
        if usual.shape != received.shape:
            continue
        both_lost = ~np.isfinite(usual) & ~np.isfinite(received)
        if (_close(question, received, usual) | both_lost).all():
            return [f"Look here: {sentence}"]
    return []


def _context(case: Case) -> list[str]:
    small = _small(case.arguments)
    return [f"The input was{small}"] if small else []


def _small(arguments: tuple, most: int = 24) -> str:
    """The arguments written out where they fit on a line or two, otherwise nothing."""
    if sum(np.size(as_array(argument)) for argument in arguments) > most:
        return ""
    texts = (
        np.array2string(as_array(argument), separator=", ", precision=4) for argument in arguments
    )
    return "\n    " + "\n    ".join(text.replace("\n", "\n    ") for text in texts)


def _same(left: tuple, right: tuple) -> bool:
    return all(
        np.array_equal(as_array(one), as_array(other), equal_nan=as_array(one).dtype.kind == "f")
        for one, other in zip(left, right, strict=True)
    )
