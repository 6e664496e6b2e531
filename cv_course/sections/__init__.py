"""A folder per section: its interactives, its exercises, and the science that only it needs."""
