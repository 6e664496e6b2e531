"""Exercises: what is asked, how an answer is examined, and what a learner is told about it.

A section keeps references and cases in ``drills.py``, texts and usual mistakes in ``drills.toml``,
and gets ``check``, ``hint`` and ``reveal`` from :func:`book`. The assignments
(``cv_course.assignments.question``) and the grader use the same engine: :func:`ask` may run beside
hostile code, :meth:`Question.complain` never does.
"""

import copy
import functools
import importlib.resources
import inspect
import itertools
import sys
import textwrap
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call of the student's function, and what it probes in a learner's words.

    Args:
        about: what is tried, as a phrase.
        arguments: what the function gets: arrays, tensors, numbers, texts, or lists and
            dictionaries of them.
    """

    about: str
    arguments: tuple


@dataclass
class Verdict:
    """What came of an answer.

    Args:
        status: ``correct``, ``wrong``, ``missing`` (not begun), ``error`` (raised), or
            ``unchecked`` (the check itself is not possible here).
        messages: sentences for the learner.
        mistake: the id of the usual mistake that explains it; empty where none does.
    """

    status: str
    messages: list[str] = field(default_factory=list)
    mistake: str = ""

    def __str__(self) -> str:
        sign = {"correct": "✓ ", "missing": "… ", "unchecked": ""}.get(self.status, "✗ ")
        return "\n  ".join([sign + self.messages[0], *self.messages[1:]])


@dataclass
class Outcome(Verdict):
    """What came of one call of the student's function: plain data, that may be a lie.

    Args:
        status: ``answered``, ``missing`` (not begun) or ``error`` (raised).
        answers: arrays by name; plainly ``{"answer": array}``.
        messages: sentences about an error or about a type that is no number.
        remarks: sentences about what was accepted all the same.
        changed: the input was changed in place.
        seconds: of computing, that the call took.
        mistake: as in :class:`Verdict`.
    """

    answers: dict[str, np.ndarray] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    changed: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Known:
    """The right answers to one case, and what usual mistakes give there.

    Args:
        expected: arrays by name.
        mistakes: yields (arrays by name, the sentence that names the mistake, its id); given an id,
            that mistake alone.
    """

    expected: dict[str, np.ndarray]
    mistakes: Callable[..., Iterable[tuple]]


@dataclass
class Seen:
    """What the cases so far have shown of a function; it rules mistakes out, or in.

    Args:
        right: what is known of each case that was right, and the answers there.
        named: the ids of the mistakes that were named.
    """

    right: list[tuple[Known, dict]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """A function that a learner writes, and everything that is known about it.

    Args:
        name: the function's name; students' work is found by it.
        contract: one sentence: arguments with shapes, and what comes back.
        cases: random generator -> cases, the smallest first.
        reference: the trusted answer, called with a case's arguments.
        diagnoses: (a usual wrong answer as a function, the sentence that names it, its id).
            The first that fits is told.
        hints: from a nudge to nearly the answer.
        rtol, atol: the tolerances; ``atol`` is a fraction of the largest expected value.
    """

    name: str
    contract: str
    cases: Callable[[np.random.Generator], Iterable[Case]]
    reference: Callable | None = None
    diagnoses: Sequence[tuple] = ()
    hints: Sequence[str] = ()
    rtol: float = 1e-4
    atol: float = 1e-3

    def verdict(self, answer) -> Verdict:
        """What is said of ``answer``, which should be a function."""
        if callable(answer):
            return examine(self, answer)
        said = f"{self.name} is a function: give check the function, check({self.name})"
        return Verdict("unchecked", [said])

    def call(self, function: Callable, given: tuple) -> dict:
        """What ``function`` answers, by name; this runs beside the student's code."""
        return {"answer": function(*given)}

    def work_out(self, case: Case) -> Known:
        """The right answers to a case from the reference, the wrong from the diagnoses."""

        def answers(function) -> dict[str, np.ndarray]:
            if hasattr(function, "anew"):  # a mistake that keeps something from call to call
                function = function.anew()
            found = self.call(function, copy.deepcopy(case.arguments))
            return {name: as_array(part) for name, part in found.items()}

        def mistakes(only=None):
            for mistake, sentence, identity in self.diagnoses:
                if only in (None, identity):
                    with np.errstate(all="ignore"):
                        usual, _ = _tried(answers, mistake)
                    if usual:  # it need not survive every input
                        yield usual, sentence, identity

        return Known(answers(self.reference), mistakes)

    def complain(
        self, case: Case, outcome: Outcome, known: Known | None = None, seen: Seen | None = None
    ) -> Verdict:
        """Whether an answer is ``correct`` or ``wrong``, and what is wrong with it.

        Args:
            known: worked out from the reference where it is None; without both nothing is compared.
            seen: what was seen before; this case is added. A mistake that would have shown where
                the answer was right is not this function's.
        """
        if outcome.messages:
            return Verdict("wrong", outcome.messages)
        known, seen = known or (self.reference and self.work_out(case)), seen or Seen()
        if known and (found := _compare(self, case, outcome.answers, known, seen)):
            return found
        if outcome.changed:
            said = (
                "The answer is right, but the input was changed in place; whoever called the "
                "function still needs it. Work on a copy."
            )
            return Verdict("wrong", [said], "input-changed")
        if known:
            seen.right.append((known, outcome.answers))
        return Verdict("correct")


@dataclass(frozen=True)
class Problem:
    """A problem whose answer is a value: a number, a choice, a design, or an explanation.

    Args:
        name: the answer is given under it: ``check(name=answer)``.
        contract: what is asked, with the unit of the answer.
        answer: the right number, or the text of a choice, such as ``"b"``.
        tolerance: of a number; without it a whole number is exact, another within 0.1%.
        wrong: (id, a usual wrong answer, the sentence that names the mistake).
        measure: of a design: the learner's answer -> (whether it reaches the goal, a sentence).
        model: of an explanation: a model answer; no machine checks the learner's.
    """

    name: str
    contract: str
    answer: object = None
    tolerance: float | None = None
    wrong: Sequence[tuple] = ()
    hints: Sequence[str] = ()
    measure: Callable | None = None
    model: str = ""

    def verdict(self, answer) -> Verdict:
        """Compare a number or a choice with the right one, or measure a design."""
        name = self.name
        if answer is None or answer is ... or (isinstance(answer, str) and answer == name):
            form = f"Your answer belongs here: check({name}=…)"
            return Verdict("missing", [f"{name} is not answered yet. {self.contract}", form])
        if self.model:
            said = f'No machine can check this; compare it: reveal({name}="your own words")'
            return Verdict("unchecked", [said])
        if self.measure:
            return self._measured(answer)
        choice = isinstance(self.answer, str)
        given = answer if isinstance(answer, str) else _numbers(answer)
        if given is None or isinstance(given, str) != choice:
            form = 'a letter in quotation marks, such as "a"' if choice else "a number, not a text"
            return Verdict("wrong", [f"{name} should be {form}. It is {_seen(answer)}."])
        if self._agrees(given, self.answer):
            return Verdict("correct", [f"{name} is right."])
        fits = [row for row in self.wrong if self._agrees(given, row[1])]
        mistake, _, sentence = fits[0] if fits else ("", None, f'hint("{name}") helps.')
        return Verdict("wrong", [f"{name} is not right yet.", sentence], mistake)

    def _agrees(self, given, target) -> bool:
        if isinstance(target, str):
            return given.strip().lower() == target.strip().lower()
        usual = 1e-9 if target == round(target) else 1e-3 * abs(target)
        atol = usual if self.tolerance is None else self.tolerance
        return given.size == 1 and abs(given.item() - target) <= atol

    def _measured(self, answer) -> Verdict:
        found, raised = _tried(self.measure, answer)
        if raised is not None:
            said = f"{self.name} cannot be measured: {_seen(raised, '{}')}"
            return Verdict("error", [said, self.contract])
        reached, sentence = found
        goal = "reaches the goal." if reached else "does not reach the goal yet."
        return Verdict("correct" if reached else "wrong", [f"{self.name} {goal}", sentence])


# --- a function ----------------------------------------------------------------------------------


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
    seen = Seen()
    for number, case in enumerate(cases):
        outcome = ask(question, function, case)
        if outcome.status != "answered":
            return Verdict(outcome.status, outcome.messages, outcome.mistake)
        remarks += [remark for remark in outcome.remarks if remark not in remarks]
        right = known and known(question, number, case)
        found = question.complain(case, outcome, right, seen)
        if found.status == "wrong":
            tried = f"{question.name} is not right yet. Tried: {case.about}."
            return Verdict("wrong", [tried, *found.messages], found.mistake)
    count = f"{len(cases)} cases" if len(cases) > 1 else "1 case"
    return Verdict("correct", [f"{question.name} is right ({count} tried).", *remarks])


def ask(question: Question, function: Callable, case: Case) -> Outcome:
    """Call the student's function once. Needs no reference, so it may run beside hostile code."""
    given = copy.deepcopy(case.arguments)
    began = time.process_time()
    found, raised = _tried(question.call, function, given)
    seconds = time.process_time() - began
    stub = isinstance(raised, NotImplementedError)
    if raised is not None and not stub:
        stopped = f"{question.name} stopped with {_seen(raised, '{}')}"
        there = f"while it was given: {case.about}.{_small(case.arguments)}"
        return Outcome("error", [stopped, *_own_line(function, raised), there])
    answer = ... if stub else found.get("answer", found)
    if answer is None and "print" in getattr(getattr(function, "__code__", None), "co_names", ()):
        said = "prints, but it returns nothing (None). Replace print(…) by return …"
        return Outcome("missing", [f"{question.name} {said}"], "printed")
    if answer is None or answer is ...:
        return Outcome("missing", [f"{question.name} is not done yet. {question.contract}"])
    same, _ = _tried(_same, given, case.arguments)  # None of what is no array any more
    outcome = Outcome("answered", changed=not same, seconds=seconds)
    for name, part in found.items():
        if isinstance(part, list | tuple):
            outcome.remarks = ["(A list came back; it was read as an array.)"]
        array = _numbers(part)
        if array is None:
            outcome.messages = [f"Expected numbers, got {_seen(part)}."]
        else:
            outcome.answers[name] = array
    return outcome


def _tried(function: Callable, *given) -> tuple:
    """What a learner's code gives and what it raises; an interrupt by the user passes through."""
    try:
        return function(*given), None
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        return None, raised


def _own_line(function: Callable, problem: BaseException) -> list[str]:
    """The last line of the student's own that was running, not one inside a library."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == file]
    return [f"in line {f.lineno}: {f.line or '(source not at hand)'}" for f in frames[-1:]]


def as_array(answer) -> np.ndarray:
    """A NumPy array from an array, a tensor (on any device, with gradients), a list, a number."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    return np.asarray(answer)


def _numbers(answer) -> np.ndarray | None:
    array, _ = _tried(as_array, answer)
    return array if array is not None and array.dtype.kind in "biuf" else None


def _compare(
    question: Question, case: Case, answers: dict, known: Known, seen: Seen
) -> Verdict | None:
    for name, expected in known.expected.items():
        label = "" if name == "answer" else f"{name}: "
        if name not in answers:
            return Verdict("wrong", [f"{label}nothing came back."])
        if differs := _differs(question, answers[name], expected):
            sentence, mistake = _diagnose(question, answers, known, seen)
            small = _small(case.arguments)
            context = [f"The input was{small}"] if small else []
            return Verdict("wrong", [label + differs, *sentence, *context], mistake)
    return None


def _differs(question: Question, received: np.ndarray, expected: np.ndarray) -> str:
    if received.shape != expected.shape:
        return f"Expected shape {expected.shape}, got {received.shape}."
    if not np.isfinite(received).all():
        return "The answer holds NaN or infinity."
    wrong = ~close(question, received, expected)
    if not wrong.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    right, got = _told_apart(expected[place].item(), received[place].item())
    if expected.ndim == 0:
        return f"Expected {right}, got {got}."
    share = f"{wrong.sum():,} of {wrong.size:,} values differ"
    return f"{share}, the first at {list(place)}: expected {right}, got {got}."


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Whole numbers in full, others with as many digits as tell them apart."""
    for digits in range(6, 18):
        texts = [f"{x:,.{15 if x % 1 == 0 else digits}g}" for x in (one, other)]
        if texts[0] != texts[1]:
            break
    return tuple(texts)


def close(question: Question, received: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where an answer counts as equal to the right one, as an array of booleans."""
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    atol = question.atol * scale + 1e-9
    both_lost = ~np.isfinite(received) & ~np.isfinite(expected)
    return np.isclose(received, expected, rtol=question.rtol, atol=atol) | both_lost


def _diagnose(question: Question, answers: dict, known: Known, seen: Seen) -> tuple[list, str]:
    again = itertools.chain.from_iterable(map(known.mistakes, seen.named))
    for usual, sentence, identity in itertools.chain(again, known.mistakes()):
        hidden_before = (
            agree(question, right, other)
            for earlier, right in seen.right
            for other, *_ in earlier.mistakes(identity)
        )
        if agree(question, answers, usual) and all(hidden_before):
            seen.named.append(identity)
            return [sentence], identity
    return [], ""


def agree(question: Question, answers: dict, others: dict) -> bool:
    """Whether all of ``others``, arrays by name, are among ``answers``, as answers are compared."""
    return all(
        name in answers
        and answers[name].shape == array.shape
        and close(question, answers[name], array).all()
        for name, array in others.items()
    )


def _small(arguments: tuple, most: int = 30) -> str:
    """The arguments written out where they fit on a line or two, otherwise nothing."""
    arrays = [as_array(argument) for argument in arguments]
    if sum(array.size for array in arrays) > most:
        return ""
    texts = [np.array2string(array, separator=", ", precision=4) for array in arrays]
    return "\n" + textwrap.indent("\n".join(texts), "    ")


def _same(left: tuple, right: tuple) -> bool:
    pairs = zip(map(as_array, left), map(as_array, right), strict=True)
    return all(np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f") for pair in pairs)


def _seen(value, form: str = "{!r:.80}") -> str:
    text, _ = _tried(form.format, value)  # what a student made may not even have one
    return type(value).__name__ + (f": {text}" if text is not None else "")


# --- a section's exercises -----------------------------------------------------------------------


def exercise(cases: Callable, **options) -> Callable:
    """Mark a function of ``drills.py`` as the reference of the exercise that has its name.

    Args:
        cases: random generator -> cases, the smallest first.
        options: what else a :class:`Question` takes, such as ``rtol``.
    """

    def mark(reference: Callable) -> Callable:
        reference.drill = functools.partial(Question, cases=cases, reference=reference, **options)
        return reference

    return mark


def design(measure: Callable) -> Callable:
    """Mark a function of ``drills.py``: answer -> (whether it reaches the goal, a sentence)."""
    measure.drill = functools.partial(Problem, measure=measure)
    return measure


def read(package: str) -> dict[str, Question | Problem]:
    """The exercises of a section by name, from its ``drills.py`` and ``drills.toml``.

    Raises:
        ValueError: a table does not fit; the message names it.
    """
    module = importlib.import_module(f"{package}.drills")
    text = importlib.resources.files(package).joinpath("drills.toml").read_text(encoding="utf-8")
    found = {}
    for name, table in tomllib.loads(text).items():
        reference = getattr(module, name, None)
        try:
            if "mistakes" in table:
                table["diagnoses"] = mistakes(reference, table.pop("mistakes"))
            contract = table.pop("contract", None) or table.pop("ask")
            found[name] = getattr(reference, "drill", Problem)(name, contract, **table)
        except (KeyError, TypeError, ValueError) as problem:
            raise ValueError(f"{package}/drills.toml, table [{name}]: {problem}") from problem
    return found


def mistakes(reference: Callable, rows: Iterable[Sequence[str]]) -> list[tuple]:
    """``diagnoses`` from a table: an id, edits of the reference or a function's name, a sentence.

    Raises:
        ValueError: an edit does not apply exactly once.
    """
    found = []
    for identity, *edits, sentence in rows:
        known = reference.__globals__[edits[0]] if len(edits) == 1 else edited(reference, *edits)
        found.append((known, sentence, identity))
    return found


def edited(function: Callable, *edits: str) -> Callable:
    """``function`` with pieces of its source replaced: old, new, and perhaps old, new again.

    Raises:
        ValueError: an old piece is not there exactly once.
    """
    source = inspect.getsource(function)
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        if source.count(old) != 1:
            raise ValueError(f"{old!r} stands {source.count(old)} times in the source, not once.")
        source = source.replace(old, new)
    space = dict(function.__globals__)
    exec(compile(source, f"<{function.__name__} with a mistake>", "exec"), space)
    return space[function.__name__]


def book(package: str) -> tuple[Callable, Callable, Callable]:
    """``check``, ``hint`` and ``reveal`` of a section; its exercises load when first asked for."""
    one = Book(functools.partial(read, package))
    return one.check, one.hint, one.reveal


class Book:
    """Some exercises as a notebook uses them.

    Args:
        load: -> the exercises by name.
    """

    def __init__(self, load: Callable[[], dict]):
        self._load = load
        self._hints_given: dict[str, int] = {}
        self.passed: dict[str, bool] = {}

    @functools.cached_property
    def exercises(self) -> dict[str, Question | Problem]:
        return self._load()

    def check(self, function: Callable | None = None, /, **answers) -> None:
        """Print at once whether an answer is right, and if not, what is wrong with it.

        Args:
            function: an exercise that you wrote, under its own name.
            answers: of problems, by name: ``check(two_flips=0.32)``.
        """
        if function is not None or not answers:
            answers = {_name(function): function, **answers}
        for name, answer in answers.items():
            if one := self._find(name, answer):
                verdict, raised = _tried(one.verdict, answer)
                if raised is not None:
                    said = f"The check stopped with {_seen(raised, '{}')}"
                    verdict = Verdict("unchecked", [said])
                say(str(verdict))
                self.passed[name] = verdict.status == "correct"

    def hint(self, function: Callable | str) -> None:
        """Print the next hint for a function, or for a problem's name in quotation marks."""
        one = self._find(_name(function), function)
        if one and not one.hints:
            say(f"{one.name} has no hints. It is asked for: {one.contract}")
        elif one:
            step = min(self._hints_given.get(one.name, 0) + 1, len(one.hints))
            self._hints_given[one.name] = step
            say(f"Hint {step} of {len(one.hints)}: {one.hints[step - 1]}")
            if step == len(one.hints):
                solved = "the worked solution is at the end of the notebook"
                graded = getattr(one, "points", 0)
                say(f"(That was the last hint; {'ask in class' if graded else solved}.)")

    def reveal(self, asked: str | None = None, /, **words: str) -> None:
        """Print the model answer of an explanation, once you have written your own words."""
        for name, own in (words or {asked: ...}).items():
            one = self._find(name, name)
            if one and not getattr(one, "model", ""):
                say(f"{name} has an answer that can be checked: use check.")
            elif one and isinstance(own, str) and len(own.split()) > 3:
                say(f"A model answer, to compare with yours: {one.model}")
            elif one:
                say(f"… {name} needs your own words first. {one.contract}")
                say(f'  Write a sentence or two: reveal({name}="…")')

    def _find(self, name: str, given) -> Question | Problem | None:
        if name not in self.exercises:
            said = "Give me the function itself, under its own name; the exercises are: "
            if given is not None:
                said = f"There is no exercise called {name or _seen(given)}. {said}"
            problems = [key for key, one in self.exercises.items() if isinstance(one, Problem)]
            say(said + ", ".join(key for key in self.exercises if key not in problems) + ".")
            if problems:
                say(f"The problems, answered by name=answer, are: {', '.join(problems)}.")
        return self.exercises.get(name)


def _name(function) -> str:
    return function if isinstance(function, str) else str(getattr(function, "__name__", ""))


def say(text: str) -> None:
    """Print with line breaks between words, on any terminal: a notebook breaks within words."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for sign, plain in {"✓": "[ok]", "✗": "[x]", "…": "..."}.items():
        if sign.encode(encoding, "replace") == b"?":  # such as ✓ on a Windows code page
            text = text.replace(sign, plain)
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())] + "  "
        line = textwrap.fill(line, 96, subsequent_indent=indent, break_long_words=False)
        print(line.encode(encoding, "replace").decode(encoding))
