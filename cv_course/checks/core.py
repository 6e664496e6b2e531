"""What a question is, and how an answer to it is examined."""

import copy
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call of the student's function, and what it probes in a learner's words.

    Args:
        about: what is tried, as a phrase.
        arguments: what the function gets: arrays, numbers, texts, or lists and dictionaries of
            them. They travel to the sandbox as plain data: no tensor, no object of a class.
        group: in an assignment, the points of a question are shared among its groups; a group
            counts when all its cases are right.
        secret: what only ``Question.judge`` may know, such as the labels of hidden images.
    """

    about: str
    arguments: tuple
    group: str = ""
    secret: object = None


@dataclass(frozen=True)
class Question:
    """Everything that is known about one exercise.

    Args:
        name: the function's name; students' work is found by it.
        contract: one sentence: arguments with shapes, and what comes back.
        cases: random generator -> cases, the smallest first.
        reference: the trusted answer, called with a case's arguments. Of an assignment's question
            it is not part of what students get (see ``cv_course.grading``). Beside a ``judge``: the
            arrays by name that have to agree, too, where all has been judged right.
        diagnoses: (a usual wrong answer as a function, the sentence that names the mistake).
        hints: from a nudge to nearly the answer.
        points: what it is worth in an assignment; practice counts 0.
        rtol, atol: the tolerances; ``atol`` is a fraction of the largest expected value.
        collect: (function, *arguments) -> the answer, where calling the function is not enough:
            of a network, what it does with given weights. A dictionary of arrays counts as several
            answers. It runs beside the student's code.
        judge: (case, answers) -> sentences that say what is wrong, none where all is right; for
            questions with many right answers, before any ``reference``. ``answers`` are arrays by
            name, plainly ``{"answer": array}``. Never runs beside the student's code.
        cpu_seconds: computing time that one case may cost.
    """

    name: str
    contract: str
    cases: Callable[[np.random.Generator], Iterable[Case]]
    reference: Callable | None = None
    diagnoses: Sequence[tuple[Callable, str]] = ()
    hints: Sequence[str] = ()
    points: float = 0
    rtol: float = 1e-4
    atol: float = 1e-3
    collect: Callable | None = None
    judge: Callable | None = None
    cpu_seconds: float | None = None


@dataclass
class Verdict:
    """``status`` is ``correct``, ``wrong``, ``missing`` (not begun) or ``error`` (raised)."""

    status: str
    messages: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sign = {"correct": "✓", "missing": "…"}.get(self.status, "✗")
        return "\n  ".join([f"{sign} {self.messages[0]}", *self.messages[1:]])


@dataclass
class Outcome:
    """What came of one call of the student's function: plain data, that may be a lie.

    Args:
        status: ``answered``, ``missing`` (not begun) or ``error`` (raised).
        answers: arrays by name; plainly ``{"answer": array}``.
        messages: sentences about an error or about a type that is no number.
        remarks: sentences about what was accepted all the same.
        changed: the input was changed in place.
        seconds: of computing, that the call took.
    """

    status: str
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    changed: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Known:
    """The right answers to one case, and what usual mistakes give there.

    Args:
        expected: arrays by name.
        mistakes: yields (arrays by name, the sentence that names the mistake).
    """

    expected: dict[str, np.ndarray]
    mistakes: Callable[[], Iterable[tuple[dict[str, np.ndarray], str]]]


def examine(question: Question, function: Callable, seed: int = 0, known=None) -> Verdict:
    """Call ``function`` on every case of ``question`` and say what came of it.

    A case whose input was changed in place counts as wrong. Nothing that the function raises
    leaves this call, except an interrupt by the user.

    Args:
        known: (question, number of the case, case) -> :class:`Known`, where the question holds no
            reference of its own.
    """
    cases = list(question.cases(np.random.default_rng(seed)))
    remarks: list[str] = []
    for number, case in enumerate(cases):
        outcome = ask(question, function, case)
        if outcome.status != "answered":
            return Verdict(outcome.status, outcome.messages)
        remarks += [remark for remark in outcome.remarks if remark not in remarks]
        complaint = complain(question, case, outcome, known and known(question, number, case))
        if not complaint and question.cpu_seconds and outcome.seconds > question.cpu_seconds:
            complaint = [
                f"The answer is right, but it took {outcome.seconds:.1f} s of computing; the most "
                f"is {question.cpu_seconds:g} s. Fewer, larger steps: let array operations do what "
                "Python's loops do now."
            ]
        if complaint:
            return Verdict(
                "wrong",
                [f"{question.name} is not right yet. Tried: {case.about}.", *complaint],
            )
    count = f"{len(cases)} cases" if len(cases) > 1 else "1 case"
    return Verdict("correct", [f"{question.name} is right ({count} tried).", *remarks])


def ask(question: Question, function: Callable, case: Case) -> Outcome:
    """Call the student's function once. Needs no reference, so it may run beside hostile code."""
    given = copy.deepcopy(case.arguments)
    began = time.process_time()
    try:
        answer = _call(question, function, given)
        seconds = time.process_time() - began
    except NotImplementedError:
        return _missing(question)
    except (Exception, SystemExit) as problem:
        messages = [
            f"{question.name} stopped with {type(problem).__name__}: {problem}",
            *_own_line(function, problem),
            f"while it was given: {case.about}.{_small(case.arguments)}",
        ]
        return Outcome("error", messages=messages)
    if answer is None or answer is Ellipsis:
        return _missing(question)
    outcome = Outcome("answered", changed=not _same(given, case.arguments), seconds=seconds)
    for name, part in _named(question, answer).items():
        if isinstance(part, list | tuple) and not outcome.remarks:
            outcome.remarks.append("(A list came back; it was read as an array.)")
        array = _numbers(part)
        if array is None:
            outcome.messages = [f"Expected numbers, got {type(part).__name__}: {part!r:.80}."]
        else:
            outcome.answers[name] = array
    return outcome


def complain(question: Question, case: Case, outcome: Outcome, known: Known | None) -> list[str]:
    """What is wrong with an answer, in sentences; none where it is right.

    ``known`` is worked out from the question's own reference where it is None; a question that only
    judges has neither.
    """
    if outcome.messages:
        return outcome.messages
    complaint = list(question.judge(case, outcome.answers)) if question.judge else []
    if not complaint and (known or question.reference):
        known = known or work_out(question, case)
        complaint = _compare(question, case, outcome.answers, known)
    if not complaint and outcome.changed:
        complaint = [
            "The answer is right, but the input was changed in place; whoever called the "
            "function still needs it. Work on a copy."
        ]
    return complaint


def work_out(question: Question, case: Case) -> Known:
    """The right answers to a case from the question's reference, the wrong from its diagnoses."""

    def answers(function) -> dict[str, np.ndarray]:
        given = copy.deepcopy(case.arguments)
        answer = function(*given) if question.judge else _call(question, function, given)
        return {name: as_array(part) for name, part in _named(question, answer).items()}

    def mistakes():
        for mistake, sentence in question.diagnoses:
            try:
                with np.errstate(all="ignore"):
                    usual = answers(mistake)
            except Exception:  # a usual mistake need not survive every input
                continue
            yield usual, sentence

    return Known(answers(question.reference), mistakes)


def _missing(question: Question) -> Outcome:
    return Outcome("missing", messages=[f"{question.name} is not done yet. {question.contract}"])


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


def _call(question: Question, function: Callable, given: tuple):
    return question.collect(function, *given) if question.collect else function(*given)


def _named(question: Question, answer) -> dict:
    several = question.collect and isinstance(answer, dict)
    return answer if several else {"answer": answer}


def _numbers(answer) -> np.ndarray | None:
    try:
        array = as_array(answer)
    except Exception:
        return None
    return array if array.dtype.kind in "biuf" else None


def _compare(question: Question, case: Case, answers: dict, known: Known) -> list[str]:
    for name, expected in known.expected.items():
        label = "" if name == "answer" else f"{name}: "
        if name not in answers:
            return [f"{label}nothing came back."]
        complaint = _differs(question, answers[name], expected)
        if complaint:
            complaint[0] = label + complaint[0]
            return complaint + _diagnose(question, answers, known) + _context(case)
    return []


def _differs(question: Question, received: np.ndarray, expected: np.ndarray) -> list[str]:
    if received.shape != expected.shape:
        return [f"Expected shape {expected.shape}, got {received.shape}."]
    if not np.isfinite(received).all():
        return ["The answer holds NaN or infinity."]
    wrong = ~_close(question, received, expected)
    if not wrong.any():
        return []
    if expected.ndim == 0:
        return [f"Expected {expected:.6g}, got {received:.6g}."]
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    share = f"{wrong.sum():,} of {wrong.size:,} values differ"
    return [
        f"{share}, the first at {list(place)}: "
        f"expected {expected[place]:.6g}, got {received[place]:.6g}."
    ]


def _close(question: Question, received: np.ndarray, expected: np.ndarray) -> np.ndarray:
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    return np.isclose(received, expected, rtol=question.rtol, atol=question.atol * scale + 1e-9)


def _diagnose(question: Question, answers: dict, known: Known) -> list[str]:
    for usual, sentence in known.mistakes():
        if all(
            name in answers and _as_wrong(question, answers[name], array)
            for name, array in usual.items()
        ):
            return [f"Look here: {sentence}"]
    return []


def _as_wrong(question: Question, received: np.ndarray, usual: np.ndarray) -> bool:
    if usual.shape != received.shape:
        return False
    both_lost = ~np.isfinite(usual) & ~np.isfinite(received)
    return bool((_close(question, received, usual) | both_lost).all())


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
