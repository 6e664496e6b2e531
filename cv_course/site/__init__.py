"""Web pages: one for each notebook (``pages``), and the website, a book of all (``book``)."""
