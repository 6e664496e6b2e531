"""Executed notebooks as web pages: what nbconvert makes, legible, and linked to one another."""

import re
from collections.abc import Sequence
from pathlib import Path

try:
    from nbconvert import HTMLExporter
    from nbformat.reader import NotJSONError
except ModuleNotFoundError as missing:
    raise RuntimeError(
        f"{missing}. Making pages needs the notebook tools: pip install 'cv-course[lab]'"
    ) from missing

# nbconvert's own grey, green and purple have a contrast of 2.2 to 4.4 on their backgrounds, and
# its links differ from the text by colour alone; WCAG 2.2 (1.4.3, 1.4.1) asks for 4.5.
STYLE = """<style>
.jp-InputArea-prompt, .jp-OutputArea-prompt { color: #6b6b6b !important; opacity: 1 !important; }
.highlight .c1, .highlight .cm { color: #2f6a6a !important; }
.highlight .mi, .highlight .mf { color: #067306 !important; }
.highlight .ow { color: #9500e8 !important; }
.jp-RenderedHTMLCommon a { text-decoration: underline !important; }
</style>
"""


def write(files: Sequence[Path], folder: Path) -> list[Path]:
    """Write a page for each executed notebook; outputs are taken as they are, nothing is run.

    Links from one of the notebooks to another lead to its page. A page needs no script and no
    network, but for formulas, which MathJax sets from the internet.

    Args:
        files: notebooks.
        folder: made if it is not there.

    Returns:
        The pages, in the order of ``files``.

    Raises:
        ValueError: a file is not a notebook.
    """
    folder.mkdir(parents=True, exist_ok=True)
    exporter, names = HTMLExporter(), "|".join(re.escape(file.stem) for file in files)
    pages = []
    for file in files:
        try:
            body, _ = exporter.from_filename(str(file))
        except NotJSONError as problem:
            raise ValueError(f"{file} is not a notebook: {str(problem)[:80]}") from problem
        body = re.sub(rf'(href="(?:{names}))\.ipynb(?=["#])', r"\1.html", body)
        pages.append(folder / f"{file.stem}.html")
        pages[-1].write_text(body.replace("</head>", STYLE + "</head>", 1), encoding="utf-8")
    return pages
