"""Web pages of executed notebooks; test_still.py opens them in a browser."""

import re

import nbformat
import pytest

from cv_course import cli

pytest.importorskip("latex2mathml", reason="pip install 'cv-course[lab]'")


def notebook(file, text: str):
    output = nbformat.v4.new_output("stream", text="seen before\n")
    code = nbformat.v4.new_code_cell("1 / 0  # never run", outputs=[output])
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), code]), file
    )
    return file


def test_pages_lead_to_one_another_and_keep_their_outputs(tmp_path, capsys):
    first = notebook(
        tmp_path / "01_a.ipynb",
        "[on](02_b.ipynb) [there](02_b.ipynb#Why) [not made](03_c.ipynb) "
        "[elsewhere](https://example.org/blob/main/02_b.ipynb)",
    )
    second = notebook(tmp_path / "02_b.ipynb", "[back](01_a.ipynb)")
    out = tmp_path / "new" / "site"
    assert cli.main(["html", str(first), str(second), "--out", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out / "01_a.html"), str(out / "02_b.html")]
    a, b = (page.read_text(encoding="utf-8") for page in sorted(out.iterdir()))
    assert re.findall(r'href="([^"]*0\d_[^"]+)"', a) == [
        "02_b.html",
        "02_b.html#Why",
        "03_c.ipynb",
        "https://example.org/blob/main/02_b.ipynb",
    ]
    assert 'href="01_a.html"' in b
    assert "seen before" in a


def test_a_file_that_is_no_notebook_is_named(tmp_path, capsys):
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    assert cli.main(["html", str(broken), "--out", str(tmp_path)]) == 1
    assert "broken.ipynb is not a notebook" in capsys.readouterr().err


def test_a_notebook_has_to_be_named(capsys):
    assert cli.main(["html"]) == 1
    assert "say which notebook" in capsys.readouterr().err
