"""Grades one submission: hands its cells and drawn inputs to the sandbox, judges what comes back.

Trusted side. Whatever the sandbox says is a claim: it is measured, capped and compared.
"""

import functools
import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cv_course.assignments.box import Gone, Late, Sandbox
from cv_course.assignments.question import Case, Question
from cv_course.assignments.read import MOST_LETTERS, Refused, Submission, parse
from cv_course.drill import Known, Outcome, Seen

# Imported before the student's code runs, where it is mentioned: that is quicker, as it is shared.
LIBRARIES = ("torch", "torchvision", "scipy", "sklearn", "matplotlib", "pandas", "skimage", "PIL")
CALL_SECONDS = 40.0  # of computing, where a question sets none
MOST_STARTS = 12
MOST_ANSWERS = 64
MOST_TIMEOUTS = 2  # of one question; then its other cases count as late, too
_LATE = {
    "time": "It did not come back in time: is there a loop that never ends?",
    "computing": "It computes for too long.",
    "memory": "It takes too much memory.",
}


def grade(
    assignment,
    content: bytes,
    *,
    seed: int = 0,
    timeout: float | None = None,
    slot: int = 0,
    unsafe: bool = False,
    questions: Sequence[Question] | None = None,
) -> dict:
    """The result of one submission, as plain data; ``refused`` in it says why it was not run.

    Args:
        assignment: which one (``cv_course.assignments.registry.Assignment``).
        content: the notebook's bytes.
        seed: what the inputs are drawn from, together with the answers where these are private.
        timeout: seconds for the whole submission; without it what the assignment says.
        slot: which of those graded at the same time on this machine; each needs its own.
        unsafe: run without a sandbox.
        questions: completed with references; the instructor's where left out.

    Raises:
        SandboxMissing: there is no sandbox, and ``unsafe`` was not asked for.
    """
    if questions is None:
        from cv_course import grading

        questions = grading.questions(assignment)
        seed = grading.secret_seed(assignment, seed)
    timeout = assignment.seconds if timeout is None else timeout
    run = _Run(questions, seed, timeout, slot, unsafe)
    texts = {name: "" for name, _, _ in assignment.free_text}
    refused = {}
    try:
        submission = parse(content)
    except Refused as reason:
        run.notes.append(str(reason))
        refused = {"refused": str(reason)}
        run.finished = {question.name: [] for question in questions}
    else:
        texts = assignment.free_answers(submission.cells)
        run.all(submission)
    results = [_result(question, run) for question in questions]
    if any(one["status"] == "error" for one in results):
        run.notes += [
            f"Code cell {number + 1} gives another value to {name}, which functions may need: "
            "use another name there."
            for name, number in list(run.hidden.items())[:5]
        ]
    return {
        "assignment": assignment.name,
        "score": round(sum(one["score"] for one in results), 4),
        "max_score": round(sum(one["max_score"] for one in results), 4),
        "sandbox": "none" if unsafe else "bubblewrap",
        "questions": results,
        "notes": _clean([*_of_hidden_images(questions), *run.notes], most=20),
        "free_text": {name: _printable(text)[:MOST_LETTERS] for name, text in texts.items()},
        **refused,
    }


@dataclass
class _Found:
    """What came of one case: ``status`` as in a result, ``correct`` where all is right."""

    status: str
    messages: list[str]
    remarks: list[str] = field(default_factory=list)


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
    notes: list[str] = field(default_factory=list)
    finished: dict[str, list[_Found]] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)  # name -> the cell that overwrote it
    began: bool = False
    _left_out: dict[int, str] = field(default_factory=dict)
    _partly: dict[str, list[_Found]] = field(default_factory=dict)
    _seen: dict[str, Seen] = field(default_factory=dict)

    def all(self, submission: Submission) -> None:
        self.began = True
        self.until = time.monotonic() + self.timeout
        starts = 0
        while len(self.finished) < len(self.questions):
            if starts == MOST_STARTS or time.monotonic() > self.until:
                break
            starts += 1
            try:
                libraries = self._imports(submission)
                with Sandbox(libraries, self.slot, self.timeout, self.unsafe) as box:
                    self._once(box, submission)
            except (Gone, Late):
                continue
        for question in self.questions:  # what there was no time for
            self.finished.setdefault(question.name, self._partly.get(question.name, []))

    def _once(self, box: Sandbox, submission: Submission) -> None:
        asked = [
            {"name": one.name, "contract": one.contract, "collect": _place(one.collect)}
            for one in self.questions
        ]
        try:  # no student's code has run yet
            box.send(asked, time.monotonic() + 60)
            problem = box.receive(time.monotonic() + 60)
        except (Gone, Late) as end:
            problem = str(end)
        if problem is not None:
            raise RuntimeError(f"the runner did not start: {problem}")
        self._cells(box, submission.sources)
        for question in self.questions:
            if question.name not in self.finished:
                self._question(box, question)

    def _cells(self, box: Sandbox, sources: Sequence[str]) -> None:
        """Half of the time is for the cells, and half of what is left of it for each of them."""
        until = time.monotonic() + (self.until - time.monotonic()) / 2
        problems = {}
        for number, source in enumerate(sources):
            if number not in self._left_out and source.strip():
                problems[number] = self._cell(box, number, {"cell": source}, until)
        for number, problem in problems.items():
            if str(problem).startswith("NameError"):  # of something defined further down?
                problems[number] = self._cell(box, number, {"again": sources[number]}, until)
        problems = {**problems, **self._left_out}
        self.notes = [
            f"Code cell {number + 1} of {len(sources)} stopped. {problem}"
            for number, problem in sorted(problems.items())
            if problem
        ]

    def _cell(self, box: Sandbox, number: int, order: dict, until: float) -> str | None:
        seconds = max(0.2, (until - time.monotonic()) / 2)
        try:
            box.send({**order, "seconds": seconds}, self.until)
            problem = box.receive(min(self.until, time.monotonic() + seconds + 1))
        except (Gone, Late) as end:
            self._left_out[number] = _LATE.get(str(end), "It ended the Python process.")
            raise
        if not isinstance(problem, dict):
            return "What came back is no answer."
        self.hidden |= {str(name): number for name in problem.get("hidden") or ()}
        return None if problem.get("problem") is None else str(problem["problem"])

    def _question(self, box: Sandbox, question: Question) -> None:
        cases = _cases(question, self.seed)
        found = self._partly.setdefault(question.name, [])
        late = [one for one in found if one.status == "timeout"]
        if len(late) >= MOST_TIMEOUTS:
            found += late[-1:] * (len(cases) - len(found))
        while len(found) < len(cases):
            box.send({"question": question.name}, self.until)
            for case in cases[len(found) :]:
                outcome = self._call(box, question, case)
                if outcome is None:  # the process of this question is gone, the shell is not
                    found.append(_Found("error", ["The call ended its Python process."]))
                    break
                found.append(self._judge(question, len(found), case, outcome))
                if outcome.status == "missing":
                    found += found[-1:] * (len(cases) - len(found))
                    break
            else:
                outcome = "end"
            if outcome is not None:
                box.send({"end": True}, self.until)
                box.receive(min(self.until, time.monotonic() + 5))
        self.finished[question.name] = found

    def _call(self, box: Sandbox, question: Question, case: Case) -> Outcome | None:
        """Time and computing are measured from here; no input was there before."""
        found = self._partly[question.name]
        seconds = question.cpu_seconds or CALL_SECONDS
        now = time.monotonic()
        until = min(now + 4 * seconds + 10, now + (self.until - now) / 2)
        try:
            before = box.cpu()
            box.send({"case": case.about, "arguments": case.arguments}, until)
            answer = box.receive(until, before + seconds)
            spent = box.cpu() - before
        except Late as late:
            reason = _LATE[str(late)]
            if str(late) == "computing":
                reason += f" The most is {seconds:g} s of computing for one call."
            found.append(_Found("timeout", [f"Tried: {case.about}.", reason]))
            raise
        except Gone as end:
            found.append(_Found("error", [f"Tried: {case.about}.", f"No answer came: {end}."]))
            raise
        if isinstance(answer, dict) and "closed" in answer:
            return None
        outcome = _outcome(answer)
        if question.cpu_seconds and spent > seconds and outcome.status == "answered":
            outcome.messages.append(
                f"It took {spent:.1f} s of computing; the most is {seconds:g} s. Fewer, larger "
                "steps: let array operations do what Python's loops do now."
            )
        return outcome

    def _judge(self, question: Question, number: int, case: Case, outcome: Outcome) -> _Found:
        began = time.monotonic()
        if outcome.status == "answered":
            seen = self._seen.setdefault(question.name, Seen())
            complaint = _complain(question, self.seed, number, case, outcome, seen)
            if complaint:
                complaint = [f"Tried: {case.about}.", *complaint]
            found = _Found("wrong" if complaint else "correct", complaint, outcome.remarks)
        elif outcome.status == "missing":
            found = _Found("missing", outcome.messages or [_nowhere(question)])
        else:
            found = _Found("error", outcome.messages or ["It stopped with an error."])
        self.until += time.monotonic() - began  # the grader's own work is not the student's time
        return found

    def _imports(self, submission: Submission) -> tuple[str, ...]:
        text = "\n".join(submission.sources)
        named = [one for one in LIBRARIES if re.search(rf"\b{one}\b", text)]
        if "matplotlib" in named:
            named.append("matplotlib.pyplot")
        places = [_place(one.collect).partition(":")[0] for one in self.questions if one.collect]
        return (*dict.fromkeys(places), *named)


# --- judging -------------------------------------------------------------------------------------


def _outcome(answer) -> Outcome:
    """A claim of the sandbox's, cut down to what an Outcome may be."""
    if not isinstance(answer, dict) or answer.get("status") not in ("answered", "missing", "error"):
        return Outcome("error", messages=["What came back is no answer."])
    answers = answer.get("answers")
    answers = answers if isinstance(answers, dict) and len(answers) <= MOST_ANSWERS else {}
    return Outcome(
        answer["status"],
        _clean(answer.get("messages")),
        answers={name: part for name, part in answers.items() if isinstance(part, np.ndarray)},
        remarks=_clean(answer.get("remarks")),
        changed=answer.get("changed") is True,
    )


def _complain(
    question: Question, seed, number: int, case: Case, outcome: Outcome, seen: Seen
) -> list[str]:
    known = None if question.judge else _known(question, seed, number)
    try:
        with np.errstate(all="ignore"):
            return question.complain(case, outcome, known, seen).messages
    except Exception as problem:  # a judge need not foresee every shape
        return [f"The answer has not the form that is asked for ({type(problem).__name__})."]


@functools.lru_cache(maxsize=16)
def _cases(question: Question, seed) -> list[Case]:
    return list(question.cases(np.random.default_rng(seed)))


@functools.lru_cache(maxsize=128)
def _known(question: Question, seed, number: int) -> Known:
    return question.work_out(_cases(question, seed)[number])


def _result(question: Question, run: _Run) -> dict:
    found, cases = run.finished[question.name], _cases(question, run.seed)
    groups: dict[str, list[_Found]] = {}
    for number, case in enumerate(cases):
        one = found[number] if number < len(found) else None
        groups.setdefault(case.group, []).append(one)
    good = [all(one and one.status == "correct" for one in group) for group in groups.values()]
    statuses = [one.status for one in found if one.status != "correct"]
    if all(good):
        status = "correct"
    elif any(good):
        status = "partial"
    else:
        status = next((one for one in statuses), "missing" if not run.began else "timeout")
    return {
        "name": question.name,
        "score": round(question.points * sum(good) / len(good), 4),
        "max_score": question.points,
        "status": status,
        "messages": _clean(_messages(question, found, cases, run)),
    }


def _messages(question: Question, found: list[_Found], cases: list[Case], run: _Run) -> list[str]:
    """Of every group that is not right, what is wrong with its first case that is not."""
    messages, told = [], set()
    for case, one in zip(cases, found, strict=False):
        if one.status != "correct" and case.group not in told:
            told.add(case.group)
            if one.messages[-1] not in messages:
                messages += one.messages
    if len(found) < len(cases):
        messages.append(
            f"{question.name} was not reached: the time was over, or Python ended again and again."
            if run.began
            else f"{question.name} was not run: {' '.join(run.notes)}"
        )
    if all(one.status == "correct" for one in found) and not messages:
        remarks = dict.fromkeys(remark for one in found for remark in one.remarks)
        messages = [f"{question.name} is right ({len(cases)} cases tried).", *remarks]
    return messages


def _of_hidden_images(questions: Sequence[Question]) -> list[str]:
    """What there is to say about the images that models are measured on, where some are."""
    # not imported here: it brings torch with it, which most questions do without
    judged = [one for one in questions if one.judge]
    modules = [getattr(one.cases, "__globals__", {}).get("hidden") for one in judged]
    notes = dict.fromkeys(module.note() for module in modules if module)
    return [note for note in notes if note]


def _nowhere(question: Question) -> str:
    return f"No cell that runs through defines {question.name}. {question.contract}"


def _place(function) -> str | None:
    return function and f"{function.__module__}:{function.__qualname__}"


def _clean(messages, most: int = 12, length: int = 700) -> list[str]:
    """Sentences that may be shown: few, short, without what steers a terminal or a page."""
    if not isinstance(messages, list):
        return []
    texts = [_printable(one[: 4 * length]) for one in messages[:most] if isinstance(one, str)]
    return [text if len(text) <= length else text[: length - 2] + " …" for text in texts]


def _printable(text: str) -> str:
    return "".join(
        letter for letter in text if letter == "\n" or unicodedata.category(letter)[0] != "C"
    )
