"""The trusted answers to the assignments, one module each. Students never get this folder.

Each module holds ``REFERENCES``, {name: function}, and ``DIAGNOSES``, {name: ((a usual wrong
answer as a function, the sentence that names the mistake, its id), …)}: edits of the references, in
the table beside it (:func:`mistakes`). Questions that judge properties alone (a trained classifier)
have neither; those of large networks have both, and a reference gives what has to agree beside the
properties.
"""

from collections.abc import Callable

from cv_course import drill
from cv_course.assignments.question import table

NAMED = "Look here: "  # how a message that names a known mistake begins


class Keeps:
    """A usual mistake: arguments of the first call are used again where shapes are equal.

    Args:
        reference: the right answer.
        places: of the arguments that are kept.
    """

    def __init__(self, reference: Callable, *places: int):
        self._reference, self._places = reference, places
        self._kept: dict[tuple, tuple] = {}

    def __call__(self, *given):
        key = tuple(getattr(one, "shape", one) for one in given)
        first = self._kept.setdefault(key, given)
        used = (first[n] if n in self._places else one for n, one in enumerate(given))
        return self._reference(*used)

    def anew(self) -> "Keeps":
        return Keeps(self._reference, *self._places)


def mistakes(module: str, references: dict) -> dict[str, list[tuple]]:
    """``DIAGNOSES`` from ``a1.toml`` beside ``a1.py``: for each question its rows of mistakes.

    A row is ``["id", "old text", "new text", "What is said."]``, with more pairs of texts where one
    edit is not enough, or the name of a function of the module in place of the texts.
    """
    return {
        name: tuple(
            (mistake, NAMED + sentence, identity)
            for mistake, sentence, identity in drill.mistakes(references[name], rows)
        )
        for name, rows in table(module).items()
    }
