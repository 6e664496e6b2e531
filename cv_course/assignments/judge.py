"""Grades one submission: hands its cells and drawn inputs to the sandbox, judges what comes back.

Trusted side. Whatever the sandbox says is a claim: it is measured, capped and compared.
"""

import contextlib
import functools
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.box import Inhabitant, Late, sandbox
from cv_course.assignments.question import Case, Question
from cv_course.assignments.read import MOST_LETTERS, Refused, Submission, parse, printable
from cv_course.assignments.registry import StaleAnswers
from cv_course.assignments.wire import Broken
from cv_course.drill import Known, Outcome, Seen

# Imported before the student's code runs, where it is mentioned: no call is to be charged for it.
LIBRARIES = ("torch", "torchvision", "scipy", "sklearn", "matplotlib", "pandas", "skimage", "PIL")
START_SECONDS = 300  # on a slow disk a first import may take minutes
CALL_SECONDS = 40.0  # of computing, where a question sets none
MOST_STARTS = 12
MOST_ANSWERS = 64
MOST_TIMEOUTS = 2  # of one question; then its other cases count as late, too


def grade(
    assignment,
    content: bytes,
    *,
    seed: int = 0,
    timeout: float | None = None,
    slot: int = 0,
    unsafe: bool = False,
    questions: Sequence[Question] | None = None,
    known: Callable | None = None,
) -> dict:
    """The result of one submission, as plain data; ``refused`` in it says why it was not run.

    Args:
        assignment: which one (``cv_course.assignments.registry.Assignment``).
        content: the notebook's bytes.
        seed: what the inputs are drawn from, together with the answers where these are private.
        timeout: seconds for the whole submission; without it what the assignment says.
        slot: which of those graded at the same time on this machine; each needs its own.
        unsafe: run without a sandbox.
        questions: the instructor's, completed with references, where left out.
        known: as in :func:`cv_course.drill.examine`, for questions without a reference.

    Raises:
        SandboxMissing: there is no sandbox, and ``unsafe`` was not asked for.
    """
    if questions is None:
        from cv_course import grading

        questions = grading.questions(assignment)
        seed = grading.secret_seed(assignment, seed)
    timeout = assignment.seconds if timeout is None else timeout
    run = _Run(questions, seed, timeout, slot, unsafe, known)
    texts, refused = {}, ""
    try:
        submission = parse(content)
    except Refused as reason:
        run.notes = [refused := str(reason)]
    else:
        texts = assignment.free_answers(submission.cells)
        run.all(submission)
    results = [_result(question, run, refused) for question in questions]
    if any(one["status"] == "error" for one in results):
        run.notes += [
            f"Code cell {number + 1} gives another value to {name}, which functions may need: "
            "use another name there."
            for name, number in list(run.hidden.items())[:5]
        ]
    measured = any(case.secret is not None for one in questions for case in _cases(one, seed))
    return {
        "assignment": assignment.name,
        "score": round(sum(one["score"] for one in results), 4),
        "max_score": round(sum(one["max_score"] for one in results), 4),
        "sandbox": "none" if unsafe else "bubblewrap",
        "questions": results,
        "notes": _clean([hidden.note()] * measured + run.notes, most=20),
        "free_text": {
            name: printable(texts.get(name, ""), keep="\n\t")[:MOST_LETTERS]
            for name, _, _ in assignment.free_text
        },
        **({"refused": refused} if refused else {}),
    }


@dataclass
class _Run:
    """The way of one submission through as many sandboxes as it takes.

    A cell or a call that does not come back can only be ended together with its sandbox; the next
    one leaves that cell out, or goes on behind that call.
    """

    questions: Sequence[Question]
    seed: int | tuple[int, int]
    timeout: float
    slot: int
    unsafe: bool
    known: Callable | None
    notes: list[str] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=dict)  # name -> the cell that overwrote it
    # question -> what came of its cases so far; its status is as in a result
    found: dict[str, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    _left_out: dict[int, str] = field(default_factory=dict)
    _seen: dict[str, Seen] = field(default_factory=lambda: defaultdict(Seen))

    def all(self, submission: Submission) -> None:
        self.until = time.monotonic() + self.timeout
        for _ in range(MOST_STARTS):
            if not self._open() or time.monotonic() > self.until:
                break
            with (
                contextlib.suppress(Broken),
                sandbox(self.slot, self.timeout, self.unsafe) as box,
            ):
                self._once(box, submission)

    def _open(self) -> list[Question]:
        """The questions that have cases which were not asked."""
        return [
            one for one in self.questions if len(self.found[one.name]) < len(_cases(one, self.seed))
        ]

    def _once(self, box: Inhabitant, submission: Submission) -> None:
        asked = [(one.name, one.contract, _place(one.collect)) for one in self.questions]
        until = time.monotonic() + START_SECONDS
        try:  # no student's code has run yet
            box.send((_libraries(submission), asked), until)
            problem = box.receive(until)
        except Broken as end:
            problem = str(end)
        if problem is not None:
            raise RuntimeError(f"the runner did not start: {problem}")
        self._cells(box, submission.sources)
        for question in self._open():
            self._question(box, question)

    def _cells(self, box: Inhabitant, sources: Sequence[str]) -> None:
        """Half of the time is for the cells, and half of what is left of it for each of them."""
        until = time.monotonic() + (self.until - time.monotonic()) / 2
        problems = {}
        for number, source in enumerate(sources):
            if number not in self._left_out and source.strip():
                problems[number] = self._cell(box, number, {"cell": source}, until)
        for number, problem in problems.items():
            if str(problem).startswith("NameError"):  # of something defined further down?
                problems[number] = self._cell(box, number, {"again": sources[number]}, until)
        self.notes = [
            f"Code cell {number + 1} of {len(sources)} stopped. {problem}"
            for number, problem in sorted({**problems, **self._left_out}.items())
            if problem
        ]

    def _cell(self, box: Inhabitant, number: int, order: dict, until: float) -> str | None:
        seconds = max(0.2, (until - time.monotonic()) / 2)
        try:
            box.send({**order, "seconds": seconds}, self.until)
            problem = box.receive(min(self.until, time.monotonic() + seconds + 1))
        except Broken as end:
            late = isinstance(end, Late)
            self._left_out[number] = str(end) if late else "It ended the Python process."
            raise
        if not isinstance(problem, dict) or not isinstance(problem.get("hidden"), list):
            return "What came back is no answer."
        self.hidden |= {str(name): number for name in problem["hidden"]}
        return None if problem.get("problem") is None else str(problem["problem"])

    def _question(self, box: Inhabitant, question: Question) -> None:
        cases, found = _cases(question, self.seed), self.found[question.name]
        begun = False  # a process of this question's own
        while len(found) < len(cases):
            states = [one.status for one in found]
            if states[-1:] == ["missing"] or states.count("timeout") >= MOST_TIMEOUTS:
                found.append(found[-1])
                continue
            if not begun:
                box.send({"question": question.name}, self.until)
            outcome = self._call(box, question, cases[len(found)])
            begun = outcome is not None  # or else it is gone, but the shell is not
            found.append(outcome or Outcome("error", ["The call ended its Python process."]))
        if begun:
            box.send({"end": True}, self.until)
            box.receive(min(self.until, time.monotonic() + 5))

    def _call(self, box: Inhabitant, question: Question, case: Case) -> Outcome | None:
        """Time and computing are measured from here; no input was there before."""
        seconds = question.cpu_seconds or CALL_SECONDS
        now = time.monotonic()
        until = min(now + 4 * seconds + 10, now + (self.until - now) / 2)
        try:
            before = box.cpu()
            box.send({"case": case.about, "arguments": case.arguments}, until)
            answer = box.receive(until, before + seconds)
            spent = box.cpu() - before
        except Broken as end:
            late = isinstance(end, Late)
            reason = str(end) if late else f"No answer came: {end}."
            if "computes" in reason:
                reason += f" The most is {seconds:g} s of computing for one call."
            said = [f"Tried: {case.about}.", reason]
            self.found[question.name].append(Outcome("timeout" if late else "error", said))
            raise
        if isinstance(answer, dict) and "closed" in answer:
            return None
        outcome = _outcome(answer)
        outcome.seconds, began = spent, time.monotonic()
        if outcome.status == "answered":
            said = self._complaint(question, case, outcome)
            outcome.status = "wrong" if said else "correct"
            outcome.messages = [f"Tried: {case.about}.", *said] if said else []
            outcome.answers = {}  # nobody needs them any more
        self.until += time.monotonic() - began  # the grader's own work is not the student's time
        return outcome

    def _complaint(self, question: Question, case: Case, outcome: Outcome) -> list[str]:
        number = len(self.found[question.name])
        try:
            known = self.known and self.known(question, number, case)
        except StaleAnswers as problem:
            return [str(problem)]
        if not known and question.reference:
            known = _worked_out(question, self.seed, number)
        try:
            with np.errstate(all="ignore"):
                return question.complain(case, outcome, known, self._seen[question.name]).messages
        except Exception as problem:  # a judge need not foresee every shape
            return [f"The answer has not the form that is asked for ({type(problem).__name__})."]


def _libraries(submission: Submission) -> list[str]:
    text = "\n".join(submission.sources)
    named = [one for one in LIBRARIES if re.search(rf"\b{one}\b", text)]
    return [*named, "matplotlib.pyplot"] if "matplotlib" in named else named


# --- judging -------------------------------------------------------------------------------------


def _outcome(answer) -> Outcome:
    """A claim of the sandbox's, cut down to what an Outcome may be."""
    if not isinstance(answer, dict) or answer.get("status") not in ("answered", "missing", "error"):
        return Outcome("error", ["What came back is no answer."])
    answers = answer.get("answers")
    answers = answers if isinstance(answers, dict) and len(answers) <= MOST_ANSWERS else {}
    messages = _clean(answer.get("messages"))
    if answer["status"] != "answered":
        messages = messages or ["It stopped with an error."]
    return Outcome(
        answer["status"],
        messages,
        answers={name: part for name, part in answers.items() if isinstance(part, np.ndarray)},
        remarks=_clean(answer.get("remarks")),
        changed=answer.get("changed") is True,
    )


@functools.lru_cache(maxsize=16)
def _cases(question: Question, seed) -> list[Case]:
    return list(question.cases(np.random.default_rng(seed)))


@functools.lru_cache(maxsize=128)
def _worked_out(question: Question, seed, number: int) -> Known:
    return question.work_out(_cases(question, seed)[number])


def _result(question: Question, run: _Run, refused: str) -> dict:
    """Points and words; of every group that is not right, its first case that is not is told."""
    cases, found = _cases(question, run.seed), run.found[question.name]
    why = "was not reached: the time was over, or Python ended again and again."
    never = Outcome("timeout", [f"{question.name} {why}"])
    if refused:
        never = Outcome("missing", [f"{question.name} was not run: {refused}"])
    unasked = [never] * (len(cases) - len(found))
    found, wrong = [*found, *unasked], {}
    for case, one in zip(cases, found, strict=True):
        if one.status != "correct":
            wrong.setdefault(case.group, one)
    groups = {case.group for case in cases}
    good = len(groups) - len(wrong)
    messages = []
    for one in (*wrong.values(), *unasked):
        if one.messages[-1] not in messages:
            messages += one.messages
    if not wrong:
        remarks = dict.fromkeys(remark for one in found for remark in one.remarks)
        messages = [f"{question.name} is right ({len(cases)} cases tried).", *remarks]
        status = "correct"
    else:
        status = "partial" if good else next(iter(wrong.values())).status
    return {
        "name": question.name,
        "score": round(question.points * good / len(groups), 4),
        "max_score": question.points,
        "status": status,
        "messages": _clean(messages),
    }


def _place(function) -> str | None:
    return function and f"{function.__module__}:{function.__qualname__}"


def _clean(messages, most: int = 12, length: int = 700) -> list[str]:
    """Sentences that may be shown: few, short, without what steers a terminal or a page."""
    if not isinstance(messages, list):
        return []
    texts = [one[: 4 * length] for one in messages[:most] if isinstance(one, str) and one]
    texts = [printable(text, keep="\n") for text in texts]
    return [text if len(text) <= length else text[: length - 2] + " …" for text in texts]
