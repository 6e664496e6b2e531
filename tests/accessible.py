"""What axe-core has to say about a page."""

import pytest

# Without preload, or axe asks for imported style sheets again, and at wrong addresses.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def serious(page, within: str = "body") -> list[str]:
    """The serious and the critical violations of axe's rules in parts of a page, in words."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    assert page.locator(within).count() > 0  # axe is content where there is nothing
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node['failureSummary']}"
        for one in axe.run(page, {"include": [[within]]}, OPTIONS).response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
