"""Names that no console shows, no file system takes, or that mean something in markup."""

import pytest

from .cases import EVALUATE, EXPLAIN, PNG, SEGMENT, Case, Q, check, put, thinned


def names() -> list[Case]:
    strange = {
        "markup": "[red]", "mathtext": "$\\frac$", "escape": "\x1b[2J", "line": "a\nb", "no_utf8": "\udcff",
        "wide": "☃",
    }  # fmt: skip
    found = []
    for name, text in strange.items():
        query = f"queries/{text}.png"
        found.append(
            Case("name", f"query_{name}", f"segment\t{query}\t" + SEGMENT[16:], put(query, b"x"), "image")
        )
        support = f"guidance/support/{text}.png"
        found.append(Case("name", f"support_{name}", SEGMENT, put(support, PNG), "mask"))
        found.append(Case("name", f"gone_{name}", f"segment\t{text}\t" + SEGMENT[16:], None, "no such"))
    for what, command in {
        "query": f"segment\t{'x' * 300}\t" + SEGMENT[16:],
        "guidance": SEGMENT.replace("ce guidance", f"ce {'x' * 300}"),
        "data": EVALUATE.replace("data data", f"data {'x' * 300}"),
        "weights": SEGMENT.replace("MODEL", "x" * 300),
        "folds": f"{EVALUATE} --folds {'x' * 300}",
        "explained": EXPLAIN.replace(Q, "x" * 300),
    }.items():
        found.append(Case("name", f"long_{what}", command, None, "xxx"))
    return found


CASES = names()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
