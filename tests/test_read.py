"""What is taken from a file that was handed in, and what is refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RIGHT, notebook

from cv_course.assignments import read
from cv_course.assignments.read import Refused, parse


def test_too_large_a_notebook_is_refused():
    with pytest.raises(Refused, match=r"It has 32 MB; at most 32 MB are read\. Clear"):
        parse(b" " * (read.MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\0\0\0", "empty"),
        (b"%PDF-1.4", "a PDF"),
        (b"\n<!DOCTYPE html><html>", "web page.*Raw or Download"),
        (b"PK\3\4", "a zip"),
        (b"# %%\nx = 1", "a Python file"),
        (b'{\n<<<<<<< HEAD\n "cells": [],\n=======\n>>>>>>> b\n}', "merge conflict"),
        (b'{"url": "https://colab.research.google.com/x", "doc_id": "1"}', "a link .* Download"),
        (b'{"cells": [x]}', "edited by hand"),
        (notebook(*RIGHT)[:-9], "cut off while copying. Copy or download it again"),
        (b"[" * 10**6, "nested too deeply|not the JSON"),
        (b'{"cells": [{"source": ' + b"[" * 90_000 + b"]" * 90_000, "nested|not the JSON"),
        (b"1" * 10**6, "no cells"),
        *((one, "no cells") for one in (b"[]", b"3", b"null", b"{}", b'{"cells": {"a": 1}}')),
        (b'{"worksheets": [null, {"cells": 3}]}', "no cells"),
        (b'{"cells": [1, null, "x", [], {}, {"cell_type": {}}, {"source": 7}]}', "no code"),
        (notebook(texts=["only words"]), "no code"),
        (notebook("", "  \n"), "no code"),
    ],
)
def test_what_is_no_notebook_is_refused_in_a_sentence(content, words):
    with pytest.raises(Refused, match=words):
        parse(content)


def test_code_and_words_are_kept_apart_and_nothing_else_is_kept():
    content = json.loads(notebook("a = 1", "b = 2", texts=["**Your answer (why):**\nso"]))
    content["cells"][0]["outputs"] = [{"output_type": "stream", "text": "score: 100"}]
    found = parse(json.dumps(content).encode())
    assert found.sources == ("a = 1", "b = 2")
    texts = [source for is_code, source in found.cells if not is_code]
    assert texts == ["**Your answer (why):**\nso"]


def test_text_that_python_cannot_hold_is_mended():
    found = parse(
        b'{"cells": [{"cell_type": "code", "source": ["a\\ud800 = 1\\r\\n", 7, "b\\u0000"]}]}'
    )
    assert found.sources == ("a? = 1\nb",)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "worksheets", "source", "input", "cell_type", "x"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(anything)
def test_no_content_gets_more_than_a_refusal(content):
    with contextlib.suppress(Refused):
        found = parse(json.dumps(content).encode())
        assert all(isinstance(source, str) for source in found.sources)


@given(st.binary(max_size=200))
def test_no_bytes_get_more_than_a_refusal(content):
    with pytest.raises(Refused):
        parse(content)
