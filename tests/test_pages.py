"""Web pages of executed notebooks; test_still.py opens them in a browser."""

import re

import nbformat
import pytest

from cv_course import cli

pytest.importorskip("latex2mathml", reason="pip install 'cv-course[lab]'")


def notebook(file, text: str):
    new = nbformat.v4
    output = new.new_output("stream", text="seen before\n")
    code = new.new_code_cell("1 / 0  # never run", outputs=[output])
    nbformat.write(new.new_notebook(cells=[new.new_markdown_cell(text), code]), file)
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
    elsewhere = "https://example.org/blob/main/02_b.ipynb"
    expected = ["02_b.html", "02_b.html#Why", "03_c.ipynb", elsewhere]
    assert re.findall(r'href="([^"]*0\d_[^"]+)"', a) == expected
    assert 'href="01_a.html"' in b
    assert "seen before" in a


@pytest.mark.parametrize("command", ["run", "html"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"cells": [', "broken.ipynb is not a notebook"),
        (b'{"url": "https://example.org"}', "it has no cells"),
        ('{"cells": "\u20ac"}'.encode("cp1252"), "Save it as UTF-8"),
        (b"\n<!DOCTYPE html><html></html>", "choose Raw or Download"),
        (b'{\n<<<<<<< HEAD\n"cells": []}', "merge conflict"),
    ],
)
def test_a_file_that_is_no_notebook_is_named(command, content, words, tmp_path, capsys):
    broken = tmp_path / "broken.ipynb"
    broken.write_bytes(content)
    assert cli.main([command, str(broken), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert str(broken) in said
    assert words in said


def test_what_editors_and_colab_leave_in_a_notebook_does_no_harm(tmp_path):
    file = notebook(tmp_path / "x.ipynb", "# Seen")
    found = nbformat.read(file, 4)
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "slider"}
    found.cells[1].outputs = [nbformat.v4.new_output("display_data", view)]
    found.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"a": {}}}
    file.write_text("\ufeff" + nbformat.writes(found), encoding="utf-8")
    assert cli.main(["html", str(file), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "slider" in page
    assert "<script" not in page


FOLDED = """# %% [markdown]
# # 99 · A *page*
#
# [![Open in Colab](https://example.org/badge.svg)](https://example.org)
#
# It shows $x < y$, and more.
#
# $$\\frac{\\partial L}{\\partial w} = \\sum_i x_i$$
#
# | a wide | table |
# |---|---|
# | `one_very_long_name_that_cannot_be_broken` | `another_very_long_name_as_well` |

# %% tags=["hide-input"]
# @title Checks: what this shows
print("seen")

# %%
"a long line of code"  # longer than a telephone is wide, so that it is scrolled inside of its cell

# %% [markdown]
# ## Going further: once more
#
# For a second reading.

# %%
print("far")

# %% [markdown]
# ## Going further: the end
#
# For a third one.

# %%
print("farther")
"""


@pytest.mark.browser
def test_a_page_needs_no_network_and_unfolds_by_keyboard(tmp_path, monkeypatch, browser):
    text = tmp_path / "notebooks" / "text" / "99_x.py"
    text.parent.mkdir(parents=True)
    text.write_text(FOLDED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--save", "99"]) == 0
    assert cli.main(["html", "99"]) == 0
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "html" / "99_x.html").as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.title() == "99 · A page"
    described = page.locator("meta[name=description]").get_attribute("content")
    assert described == "It shows x < y, and more."
    assert page.locator("math:visible").count() == 2
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for wide in page.locator("table, .jp-InputArea-editor:visible").all():
            box = wide.bounding_box()
            assert box["x"] + box["width"] <= width
            scrolls = "getComputedStyle(one).overflowX == 'auto'"
            assert wide.evaluate(f"one => {scrolls} || one.scrollWidth <= one.clientWidth")
    fold, code = page.locator(".cv-folded > summary"), page.get_by_text("# @title")
    assert fold.inner_text() == "Checks: what this shows"
    assert page.get_by_text("seen", exact=True).is_visible()
    assert not code.is_visible()
    fold.focus()
    page.keyboard.press("Enter")
    assert code.is_visible()
    read_on = page.locator(".cv-further > summary")
    assert read_on.all_inner_texts() == ["Read on: once more", "Read on: the end"]
    far, farther = (page.get_by_text(word, exact=True) for word in ("far", "farther"))
    assert page.get_by_text("For a third one.").is_visible()
    assert not far.is_visible()
    assert not farther.is_visible()
    read_on.first.focus()
    page.keyboard.press("Enter")
    assert far.is_visible()
    assert not farther.is_visible()
    page.emulate_media(media="print")
    assert farther.is_visible()
    assert not read_on.first.is_visible()
    assert page.locator(".jp-InputPrompt:visible").count() == 0
    page.close()
