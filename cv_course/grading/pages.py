"""The pages that people read: feedback for a student, and a page of free-text answers to mark.

Everything that comes from a student is text in them. They load nothing and run no script.
"""

import base64
import functools
import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cv_course.grading import marks
from cv_course.grading.exports import DIAGNOSIS

# Where a question's subject is taught.
SECTIONS = {
    "pairwise_distances": "03_classification_as_search",
    "knn_predict": "03_classification_as_search",
    "softmax_cross_entropy": "04_one_layer_one_template",
    "templates": "04_one_layer_one_template",
    "train_linear_classifier": "04_one_layer_one_template",
    "projection": "03_classification_as_search",
    "conv2d": "05_from_dense_to_convolution",
    "max_pool2d": "05_from_dense_to_convolution",
    "count_parameters": "05_from_dense_to_convolution",
    "locally_connected2d": "05_from_dense_to_convolution",
    "separate": "05_from_dense_to_convolution",
    "receptive_field": "09_receptive_field",
    "trace": "08_alexnet",
    "local_response_norm": "08_alexnet",
    "vectorise": "06_backbone_and_heads",
    "design_layers": "09_receptive_field",
    "lenet": "07_lenet",
    "alexnet": "08_alexnet",
    "vgg": "10_vgg",
    "small_network": "07_lenet",
    "fit_classifier": "07_lenet",
    "generalised_iou": "06_backbone_and_heads",
    "fit_multi_head": "06_backbone_and_heads",
}
_WORDS = {
    "correct": "✓ right",
    "partial": "◐ partly right",
    "wrong": "✗ not right yet",
    "missing": "… not there",
    "error": "✗ stopped with an error",
    "timeout": "✗ took too long",
}
_UNSAFE = (
    "This notebook was run without a sandbox, so the result is not protected against "
    "what the notebook does."
)


def feedback(assignment, result: dict, given: dict) -> str:
    """What a student gets to read: points, what is wrong and why, the own figures."""
    answers = [
        {
            "about": about,
            "most": most,
            "text": result.get("free_text", {}).get(name, ""),
            "mark": given.get((name, result["name"])),
        }
        for name, about, most in assignment.free_text
    ]
    notes = ([_UNSAFE] if result["sandbox"] == "none" else []) + result["notes"]
    return _page(
        "feedback.html",
        assignment=assignment,
        result=result,
        notes=notes,
        answers=answers,
        figures=[figure for figure in result.get("figures", ()) if _is_base64(figure)],
    )


def marking(assignment, question: tuple, results: Iterable[dict], given: dict) -> str:
    """All answers to one free-text question on one page."""
    name, about, most = question
    answers = [
        {
            "student": result["student"],
            "result": result["name"],
            "text": result.get("free_text", {}).get(name, ""),
            "mark": given.get((name, result["name"])),
            "outdated": marks.outdated(name, result, given),
        }
        for result in results
    ]
    return _page(
        "marking.html",
        assignment=assignment,
        name=name,
        about=about,
        most=most,
        answers=answers,
        marked=sum(answer["mark"] is not None for answer in answers),
    )


def _page(template: str, **content) -> str:
    return _pages().get_template(template).render(**content)


@functools.cache
def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    pages.globals.update(
        diagnosis=DIAGNOSIS,
        number=lambda value: f"{round(value, 2):g}",
        words=lambda status: _WORDS.get(status, status),
        state=lambda status: status if status in _WORDS else "error",
        read=_section,
        split=lambda message: message.partition("\n")[::2],
    )
    return pages


def _section(question: str) -> str:
    number, _, title = SECTIONS.get(question, "").partition("_")
    return f"section {number}, {title.replace('_', ' ')}" if number else ""


def _is_base64(figure: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9+/=]+", figure):
        return False
    return base64.b64decode(figure[:16])[:4] == b"\x89PNG"
