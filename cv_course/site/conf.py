"""How Sphinx builds the website; :mod:`cv_course.site` calls it."""

import tomllib
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

ADDRESSES = tomllib.loads(
    (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
)["project"]["urls"]

project = "How machines came to recognise images"
author = "the authors of cv_course"
project_copyright = "text CC BY 4.0, code MIT"
html_title = project
html_baseurl = ADDRESSES["Website"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["parts", "downloads"]

nb_execution_mode = "off"
nb_render_plugin = "default"
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "cv_course.site.slug"
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_use_rtype = False
# Other projects' names lead nowhere, since the website is built without their inventories.
nitpick_ignore_regex = [("py:.*", r"(?!cv_course).*")]

html_theme = "sphinx_book_theme"
html_theme_options = {
    "repository_url": ADDRESSES["Repository"],
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": False,
    "navbar_persistent": [],
}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/icon.svg"
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"


def _formula(translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw without a script."""
    block = isinstance(node, nodes.math_block)
    written = convert(node.astext(), display="block" if block else "inline")
    translator.body.append(f'<div class="formula">{written}</div>' if block else written)
    raise nodes.SkipNode


def _name_folded_code(app, page: str, template: str, context: dict, tree) -> None:
    """Let a screen reader say what a button folds out, not "toggle hidden content"."""
    body = context.get("body", "")
    context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app) -> None:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    app.connect("html-page-context", _name_folded_code)
