"""Runs a student's cells and calls the functions that they define. Inside the sandbox only.

Nothing here is trusted once the first cell has run, and nothing here knows a right answer: cells
and inputs come in over a socket, what the student's functions returned goes out.
"""

import ast
import builtins
import contextlib
import fnmatch
import importlib
import os
import pkgutil
import resource
import signal
import socket
import sys
import time
import types

from cv_course.assignments import wire
from cv_course.assignments.question import Case, Question
from cv_course.drill import Outcome, ask

GENERATIONS = 3  # of processes: code that forks and forks again ends, and costs only its own cell
KEPT_MAGICS = ("time", "capture", "prun", "writefile")
# By question: the library functions that are the answer, and so are none; * stands for anything.
# torch.ops makes its functions when they are asked for, so they are named in full.
_CONVOLUTIONS = [*(f"conv{d}d" for d in (1, 2, 3)), *(f"conv_transpose{d}d" for d in (1, 2, 3))]
_NETWORKS = ("lenet", "alexnet", "vgg", "small_network", "fit_classifier", "fit_multi_head")
FORBIDDEN = {
    "conv2d": [
        *(f"torch.ops.aten.{name}" for name in (*_CONVOLUTIONS, "convolution", "_convolution")),
        *(f"{module}.conv*" for module in ("torch", "torch.nn.functional", "scipy.signal")),
        *(f"scipy.signal.{name}" for name in ("correlate*", "fftconvolve", "oaconvolve")),
        *(f"scipy.ndimage.{name}" for name in ("convolve", "correlate")),
    ],
    "max_pool2d": [
        *(f"torch.ops.aten.{name}" for name in ("max_pool2d", "max_pool2d_with_indices")),
        *(f"{module}.*max_pool?d*" for module in ("torch", "torch.nn.functional")),
        "skimage.measure.block_reduce",
        "scipy.ndimage.maximum_filter",
    ],
    "local_response_norm": ["torch.nn.functional.local_response_norm"],
    **{name: ["torchvision.models.*"] for name in _NETWORKS},
    "generalised_iou": ["torchvision.ops.*"],
}


class NotAnAnswer(RuntimeError):
    """The library function that is the answer was called."""


class TooLong(KeyboardInterrupt):
    """A cell has had its time. Cells that swallow it are killed from outside."""


def serve(channel: socket.socket) -> None:
    """Run cells and answer questions as ordered, until the other side hangs up.

    First come libraries to import and the questions -> None, or what is wrong with the runner.
    Then orders:
    ``{"cell": source, "seconds": s}`` -> ``{"problem": text or None, "hidden": names}``;
    ``{"again": source, "seconds": s}`` the same, but names that are there keep their values;
    ``{"question": name}`` begins a question: a process of its own then answers each
    ``{"case": phrase, "arguments": …}``, and ``{"end": …}`` ends it -> ``{"closed": exit code}``.
    """
    libraries, asked = _receive(channel)
    for name in libraries:
        with contextlib.suppress(Exception):  # then the student's import says so
            importlib.import_module(name)
    try:
        questions = {
            name: Question(name, contract, None, collect=place and pkgutil.resolve_name(place))
            for name, contract, place in asked
        }
        ban, shell = Ban(questions), make_shell()
    except Exception as problem:
        _send(channel, f"{type(problem).__name__}: {problem}")
        raise
    _send(channel, None)
    generation = 0

    def born():
        nonlocal generation
        generation += 1
        if generation >= GENERATIONS:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

    os.register_at_fork(after_in_child=born)
    defined, me = {name: [] for name in questions}, os.getpid()
    while True:
        order = _receive(channel)
        if "question" in order:
            ban.extend()  # to libraries that came in with the student's code
            question = questions[order["question"]]
            child = os.fork()
            if child == 0:
                ban.asked = question.name
                _answer(channel, question, defined[question.name])
            _, status = os.waitpid(child, 0)
            _send(channel, {"closed": os.waitstatus_to_exitcode(status)})
            continue
        before, running = dict(shell.user_ns), _others()
        problem = _run(shell, order.get("cell") or order.get("again", ""), order["seconds"])
        if "again" in order:
            shell.user_ns.update(before)
        _remember(shell, defined)
        if os.getpid() != me:  # the cell forked
            os._exit(0)
        if problem:
            _bury(spared=running)
        _send(channel, {"problem": problem, "hidden": _hidden(before, shell.user_ns)})


def _others() -> set[int]:
    """The processes that a student's cells have begun and that still run."""
    found = set()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has just ended
            if os.getpgid(int(name)) == os.getpgid(0):
                found.add(int(name))
    return found - {os.getpid()}


def _bury(spared: set[int]) -> None:
    """End what a cell that stopped has left; what earlier cells began may still be needed."""
    last = time.monotonic() + 5
    while (left := _others() - spared) and time.monotonic() < last:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def make_shell():
    """An IPython shell in which what cannot work here does nothing and stops no cell."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "NoColor"})
    shell = InteractiveShell.instance(config=quiet)
    line, cell = shell.run_line_magic, shell.run_cell_magic

    def run_line_magic(name, rest, _stack_depth=1):
        if name in KEPT_MAGICS:
            return line(name, rest, _stack_depth=_stack_depth + 1)

    def run_cell_magic(name, rest, body):
        if name in KEPT_MAGICS:
            return cell(name, rest, body)

    shell.run_line_magic, shell.run_cell_magic = run_line_magic, run_cell_magic
    sys.path.insert(0, os.getcwd())
    shell.system = lambda command: None
    shell.getoutput = lambda command, *args, **options: []
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **options: None
    shell.ask_exit = lambda: None
    shell.user_ns.update(get_ipython=lambda: shell, input=lambda prompt="": "")
    sys.meta_path.append(_Nothing)
    return shell


class _Nothing(types.ModuleType):
    """Modules of Colab's, and of ours that are not here, do nothing and stop no cell.

    Whatever is asked of one is nothing, too, and false: ``if passed(f):`` draws no picture.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        ours = name.startswith("cv_course.") and not name.startswith("cv_course.grading")
        if ours or name == "google" or name.split(".")[:2] == ["google", "colab"]:
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, _Nothing, is_package=True)

    @staticmethod
    def create_module(spec):
        return _Nothing(spec.name)

    @staticmethod
    def exec_module(module):
        return

    def __bool__(self):
        return False

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name)

    def __call__(self, *args, **options):
        return self


def _run(shell, source: str, seconds: float) -> str | None:
    def stop(*_):
        raise TooLong(f"it took longer than {seconds:.0f} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        result = shell.run_cell(source)
        problem = result.error_before_exec or result.error_in_exec
    except BaseException as error:
        problem = error
    else:
        if result.error_in_exec is not None:
            _import_the_rest(shell, source)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None if problem is None else f"{type(problem).__name__}: {problem!s:.500}"


def _hidden(before: dict, now: dict) -> list[str]:
    """Modules and Python's functions that a cell has given another value, as in ``sum = 0``."""
    known = {name: value for name, value in vars(builtins).items() if name not in before} | before
    return [
        name
        for name, value in now.items()
        if isinstance(known.get(name), types.ModuleType | types.BuiltinFunctionType | type)
        and not (isinstance(value, types.ModuleType) or callable(value))
    ]


def _import_the_rest(shell, source: str) -> None:
    """A line that fails costs what its cell defines, not what is imported below it."""
    with contextlib.suppress(Exception):
        for node in ast.parse(shell.transform_cell(source)).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    name = (alias.asname or alias.name).partition(".")[0]
                    if name not in shell.user_ns:
                        shell.run_cell(ast.unparse(type(node)(**{**vars(node), "names": [alias]})))


def _remember(shell, defined: dict[str, list]) -> None:
    for name, versions in defined.items():
        now = shell.user_ns.get(name)
        if callable(now) and not any(now is one for one in versions):
            versions.append(now)


def _answer(channel, question: Question, versions: list) -> None:
    """Answer the cases of one question, in a process of its own that ends here."""
    try:
        while "case" in (order := _receive(channel)):
            _send(channel, _ask(question, versions, Case(order["case"], order["arguments"])))
        os._exit(0)
    except BaseException:
        os._exit(1)


def _ask(question: Question, versions: list, case: Case) -> dict:
    """The last version that is more than a stub counts: a copied cell must cost nothing."""
    nowhere = f"No cell that runs through defines {question.name}. {question.contract}"
    outcome = Outcome("missing", [nowhere])
    for function in reversed(versions):
        outcome = ask(question, function, case)
        if outcome.status != "missing":
            break
    size = sum(array.nbytes for array in outcome.answers.values())
    if size > wire.ARRAY_BYTES:
        outcome = Outcome("error", [f"The answer is too large: {size / 2**20:,.0f} MB."])
    outcome.messages = [message[:2000] for message in outcome.messages[:20]]
    outcome.answers = {
        name: array.astype(float) if array.dtype.itemsize > 8 else array
        for name, array in outcome.answers.items()
    }
    return vars(outcome)


class Ban:
    """Replaces library functions by ones that raise while a question is asked that bans them."""

    def __init__(self, questions):
        self.asked = None
        self._waiting = {place for one in questions for place in FORBIDDEN.get(one, ())}
        self.extend()

    def extend(self) -> None:
        """Replace what has been imported since."""
        for place in tuple(self._waiting):
            module, _, pattern = place.rpartition(".")
            owner = sys.modules.get(module)
            if module == "torch.ops.aten" and "torch" in sys.modules:
                owner = sys.modules["torch"].ops.aten
            if owner is None:
                continue
            self._waiting.discard(place)
            for name in fnmatch.filter(vars(owner), pattern) or [pattern]:
                thing = getattr(owner, name, None)
                if isinstance(thing, type) and "forward" in vars(thing):
                    thing.forward = self._guard(thing.forward, f"{module}.{name}", place)
                elif callable(thing) and not isinstance(thing, type):
                    setattr(owner, name, self._guard(thing, f"{module}.{name}", place))

    def _guard(self, function, known: str, place: str):
        def guarded(*args, **options):
            if place in FORBIDDEN.get(self.asked, ()):
                raise NotAnAnswer(
                    f"{known} is the library function that does all of {self.asked}, so calling "
                    "it is not an answer. Everything else may be used."
                )
            return function(*args, **options)

        # no functools.wraps: its __wrapped__ would be a way round
        guarded.__name__ = guarded.__qualname__ = known.rpartition(".")[2]
        guarded.__doc__ = function.__doc__
        return guarded


def _send(channel: socket.socket, value) -> None:
    channel.sendall(wire.dump(value))


def _receive(channel: socket.socket):
    try:
        return wire.load(channel.recv, text_bytes=1 << 28, array_bytes=1 << 30)
    except wire.Broken:
        os._exit(0)
