"""The trusted answers to the assignments, one module each. Students never get this folder.

Each module holds ``REFERENCES``, {name: function}, and ``DIAGNOSES``, {name: ((a usual wrong
answer as a function, the sentence that names the mistake, its id), …)}: edits of the references, in
the table beside it (:func:`known`). Questions that judge properties alone (a trained classifier)
have neither; those of large networks have both, and a reference gives what has to agree beside the
properties.
"""

import sys
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


def known(module: str) -> tuple[dict, dict]:
    """``REFERENCES`` and ``DIAGNOSES`` of ``a1.py``: each table of ``a1.toml`` beside it is named
    like the function that it lists mistakes of.

    A row is ``["id", "old text", "new text", "What is said."]``, with more pairs of texts where one
    edit is not enough, or the name of a function of the module in place of the texts.
    """
    references, diagnoses = {}, {}
    for name, rows in table(module).items():
        references[name] = getattr(sys.modules[module], name)
        found = drill.mistakes(references[name], rows)
        diagnoses[name] = tuple((wrong, NAMED + said, identity) for wrong, said, identity in found)
    return references, diagnoses
