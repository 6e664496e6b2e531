"""How Sphinx builds the website; :mod:`cv_course.site.book` calls it."""

import base64
import hashlib
import re
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

PICTURE = re.compile(r'<img ([^>]*)src="data:image/png;base64,([^"]*)"([^>]*)>')

project = "How machines came to recognise images"
author = "the authors of cv_course"
project_copyright = "text CC BY 4.0, code MIT"
html_title = project
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["parts", "downloads"]

nb_execution_mode = "off"
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "cv_course.site.book.slug"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_use_rtype = False
# Other projects' names lead nowhere, since the website is built without their inventories.
nitpick_ignore_regex = [("py:.*", r"(?!cv_course).*")]

html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": False,
    "max_navbar_depth": 1,  # its buttons that unfold more have no name for a screen reader
    "navbar_persistent": [],
}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/icon.svg"
html_use_index = False  # the search finds names, too
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"


def _formula(translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw without a script."""
    block = isinstance(node, nodes.math_block)
    written = convert(node.astext(), display="block" if block else "inline")
    scroller = f'<div class="formula" tabindex="0">{written}</div>'
    translator.body.append(scroller if block else written)
    raise nodes.SkipNode


def _finish(app, page: str, template: str, context: dict, tree) -> None:
    """What the notebooks and myst-nb say otherwise than a website should."""

    def as_file(picture: re.Match) -> str:
        before, encoded, after = picture.groups()
        content = base64.b64decode(encoded)
        name = f"_static/figures/{hashlib.sha256(content).hexdigest()[:12]}.png"
        file = Path(app.outdir) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        # on a telephone a wide picture is moved sideways, by keyboard, too
        address = context["pathto"](name, 1)
        return f'<span class="wide" tabindex="0"><img {before}src="{address}"{after}></span>'

    body = context.get("body", "")
    # a screen reader should say what a button unfolds
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    body = body.replace("Run this cell to get the controls.", "The notebook has the controls.")
    context["body"] = PICTURE.sub(as_file, body)


def setup(app) -> None:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    app.connect("html-page-context", _finish)
