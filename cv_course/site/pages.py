"""Web pages of notebooks, one by one, for reading without a kernel and without a network."""

import re
from collections.abc import Sequence
from pathlib import Path

from cv_course import notebooks  # which says what to install

try:
    from jinja2 import pass_context
    from latex2mathml.converter import convert
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
except ModuleNotFoundError as missing:
    raise RuntimeError(f"{missing}. Web pages need: pip install 'cv-course[lab]'") from missing


def html(names: Sequence[str] = (), *, all: bool = False, out: Path = Path("html")) -> None:
    """Write a page for each notebook as it is, with its outputs.

    It needs no network, its interactives can be stepped through without a kernel, and its links
    lead to the other pages.

    Args:
        names: 03, 03_classification… or a file.
        all: every notebook.
        out: folder of the pages.
    """
    print(*pages(notebooks.find(names, all), out), sep="\n")


def pages(files: Sequence[Path], folder: Path) -> list[Path]:
    """Write a page for each executed notebook; outputs are taken as they are, nothing is run.

    A page needs no network: its formulas are MathML, its interactives films. Links from one of
    the notebooks to another lead to its page.

    Args:
        files: notebooks.
        folder: made if it is not there.

    Returns:
        The pages, in the order of ``files``.

    Raises:
        ValueError: a file is not a notebook.
    """
    exporter = HTMLExporter(template_file=str(Path(__file__).with_name("page.html.j2")))
    exporter.register_filter("markdown2html", _as_html)
    names = "|".join(re.escape(file.stem) for file in files)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in files:
        notebook = notebooks.read(file)
        written.append(folder / f"{file.stem}.html")
        notebooks.clean(notebook)
        notebook.metadata |= about(notebook, file.stem)
        _fold(notebook.cells)
        body, _ = exporter.from_notebook_node(notebook)
        body = re.sub(rf'(href="(?:{names}))\.ipynb(?=["#])', r"\1.html", body)
        written[-1].write_text(body, encoding="utf-8")
    return written


def _fold(cells: Sequence) -> None:
    """Mark where the template opens and closes what stands below a heading *Going further*."""
    inside = False
    for cell in cells:
        heading = cell.cell_type == "markdown" and cell.source.startswith("## ")
        cell.metadata["closes"] = inside and heading
        inside = inside and not heading
        if heading and cell.source.startswith(notebooks.FURTHER):
            name = cell.source.split("\n")[0].removeprefix(notebooks.FURTHER)
            cell.metadata["opens"] = f"Read on{name}"
            inside = True
    if inside:
        cells[-1].metadata["closes_after"] = True


def about(notebook, stem: str) -> dict[str, str]:
    """The page's title and description: the first heading, and the first paragraph of prose."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+)", prose, flags=re.M)
    paragraphs = (part.strip() for part in prose.split("\n\n"))
    first = next((part for part in paragraphs if re.match(r"\*?[\w\"“(]", part)), "")
    title = heading[1] if heading else stem

    def plain(markdown: str) -> str:
        return " ".join(re.sub(r"[*`$]|\]\([^)]*\)|\[", "", markdown).split())

    return {"title": plain(title), "description": plain(first)}


@pass_context
def _as_html(context, source: str) -> str:
    attachments = context.get("cell", {}).get("attachments", {})
    return MarkdownWithMath(renderer=_Renderer(escape=False, attachments=attachments)).render(
        source
    )


class _Renderer(IPythonRenderer):
    """Formulas as MathML, and a badge from the network as its words."""

    def inline_math(self, body: str, display: str = "inline") -> str:
        try:
            return convert(body, display=display)
        except Exception:  # an unknown command: TeX can be read as well
            return f"<code>{self.escape_html(body)}</code>"

    def block_math(self, body: str) -> str:
        return self.inline_math(body, "block")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text if url.startswith("http") else super().image(text, url, title)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")
