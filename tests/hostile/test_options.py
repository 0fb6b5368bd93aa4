"""Values out of range, for every option that has one."""

import pytest

from .cases import (
    CALIBRATE,
    DEMO,
    DISTILL,
    EVALUATE,
    EXPLAIN,
    FIT,
    HUGE_NUMBER,
    PACKED,
    REPRODUCE,
    SEGMENT,
    SYNTHESIZE,
    TRAIN,
    WATCH,
    Case,
    check,
    thinned,
)

OPTIONS = {
    SEGMENT: {
        "--threshold": ("0", "1", "-1", "nan", "inf", "x", "1e999"),
        "--tile": ("0", "63", "-1", "x", "64.5", "99999999999999999999", "10001"),
        "--bits": ("7", "17", "x", HUGE_NUMBER),
        "--min-area": ("-1", "nan", "x", "inf"),
        "--min-length": ("-1", "nan", "x", HUGE_NUMBER),
        "--unit": ("inch", "", "mm --min-area 3"),
        "--scale": ("0", "-1", "nan", "x", "inf"),
        "--review": ("", "x", "0.6", "0.6,0.7", "0.7,0.4", "nan,nan", "0.1,0.2,0.9"),
        "--keep": ("", "x", "mask,x", "[/red]"),
        "--shots": ("0", "-1", HUGE_NUMBER),
        "--device": ("abacus", "cuda:99", "cpu:3", "meta", ""),
        "--threads": ("0", HUGE_NUMBER),
    },
    FIT: {
        "--threshold": ("0", "1", "nan", "x"),
        "--tile": ("63", "10001", "64.5", HUGE_NUMBER),
        "--bits": ("7", HUGE_NUMBER),
        "--min-area": ("-1", "nan", "inf"),
        "--scale": ("0", "-1", "nan", "inf", "1e30", "x"),
        "--background": ("", "sky", "window", "complement", "[/red]"),
        "--interest": ("gone.png", "queries", "/dev/zero"),
        "--device": ("abacus", "cuda:99"),
        "--threads": ("0",),
    },
    WATCH: {
        "--then": ("", "'", "no_such_program", "true {x}"),
        "--then-seconds": ("0", "-1", "nan", "inf", HUGE_NUMBER),
        "--every": ("-1", "nan"),
        "--settle": ("-1", "inf"),
        "--patience": ("-1", "x"),
        "--keep": ("", "x"),
        "--device": ("abacus",),
        "--threads": ("0",),
    },
    PACKED: {
        "--shots": ("1",),
        "--tile": ("64",),
        "--bits": ("8",),
        "--guidance": ("guidance",),
        "--threshold": ("0", "nan"),
        "--min-length": ("-1", "nan"),
        "--unit": ("mm", "cm", ""),
        "--review": ("0.7,0.3", "0.5", "x,y", "nan,nan"),
        "--scale": ("0", "nan"),
    },
    CALIBRATE: {"--false-alarms": ("0", "1", "-1%", "nan", "x", "", "100%", "200")},
    EXPLAIN: {
        "--points": ("1", "x,y", "1,2,3", "-1,0", "100000,0", f"{HUGE_NUMBER},0", "²,1"),
        "--level": ("-1", "9", HUGE_NUMBER),
        "--bits": ("7", "17"),
    },
    EVALUATE: {
        "--size": ("0", "63", "4097", HUGE_NUMBER),
        "--seeds": ("0", HUGE_NUMBER),
        "--threshold": ("-1", "2", "nan"),
        "--min-area": ("-1", "nan"),
        "--fold": ("marble", "[/red]", "\x1b[2J"),
        "--layout": ("mvtek", ""),
        "--method": ("magic", "$\\frac$"),
    },
    TRAIN: {
        "--size": ("0", "63", HUGE_NUMBER, "4097"),
        "--epsilon": ("0", "nan", "1e30"),
        "--lr": ("0", "nan", "1e30"),
        "--seed": ("-1", HUGE_NUMBER),
        "--cues": ("", "zzz", "aa"),
        "--test-fold": ("marble",),
    },
    DISTILL: {
        "--size": ("0", "8193", HUGE_NUMBER),
        "--batch": ("0", "1", HUGE_NUMBER),
        "--seed": ("-1", HUGE_NUMBER),
        "--student": ("[/red]", ""),
        "--teacher": ("abacus",),
    },
    SYNTHESIZE: {
        "--size": ("0", "31", "4097", HUGE_NUMBER),
        "--seed": ("-1", HUGE_NUMBER),
        "--kinds": ("0", HUGE_NUMBER),
        "--materials": ("0", HUGE_NUMBER),
        "--largest": ("31", HUGE_NUMBER),
        "--workers": ("0", HUGE_NUMBER),
    },
    REPRODUCE: {
        "--fold": ("marble", "[/red]"),
        "--rows": ("nobody", ""),
        "--shots": ("0", HUGE_NUMBER),
        "--seeds": ("0", HUGE_NUMBER),
        "--protocol": ("none", "../x", "a\nb"),
        "--backbone": ("abacus",),
    },
    DEMO: {"--device": ("abacus",), "--threads": ("0", "x")},
    "protocol": {"": ("none", "../pool", "", "[/red]", "x" * 300, "a\nb")},
}


def options() -> list[Case]:
    found = []
    for command, values in OPTIONS.items():
        for option, bad in values.items():
            for value in bad:
                name = f"{command.split()[0]}{option}={value[:12]!r}"
                name = f"pack_{name}" if command == PACKED else name
                found.append(Case("option", name, f"{command} {option}\t{value}", None, ""))
    return found


CASES = options()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
