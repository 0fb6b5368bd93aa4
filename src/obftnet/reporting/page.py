"""The page of a report: what was found, put into words, and into one HTML file that needs no other."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files

import jinja2
from markupsafe import Markup

from obftnet.decision import Verdict
from obftnet.errors import printable
from obftnet.reporting.confusion import Judged
from obftnet.reporting.groups import Group
from obftnet.reporting.pictures import Pictures
from obftnet.reporting.results import Results
from obftnet.reporting.texts import ENGLISH
from obftnet.reporting.view import View
from obftnet.version import __version__

#: In the head of every report: only a file with it may be replaced.
MARK = "obftnet report"
#: Cards of a group on paper; the style sheet hides the others.
_PRINTED = 12


def render(
    results: Results,
    groups: Sequence[Group],
    pictures: Pictures,
    judged: Judged | None,
    made: datetime,
    texts: Mapping[str, str] = ENGLISH,
) -> str:
    """The HTML of a report.

    Everything that came from outside (names, reasons, places) is escaped by the template, or by JSON that
    holds no markup; the page's policy lets nothing run but its own script, and nothing be fetched.
    """
    folder = files("obftnet.reporting") / "page"
    style, script = ((folder / name).read_text("utf-8") for name in ("report.css", "report.js"))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("obftnet.reporting", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    view = View(results, judged, texts)
    rows = view.rows(pictures)
    return environment.get_template("report.html.j2").render(
        t=texts,
        mark=f"{MARK} {__version__}",
        policy="default-src 'none'; img-src data:; "
        f"style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=Markup(style),
        script=Markup(script),
        name=printable(results.folder.resolve().name),
        made=texts["made"].format(date=made.strftime("%Y-%m-%d %H:%M %z").strip(), version=__version__),
        tiles=view.tiles(),
        rule=view.rule(),
        notes=view.notes(pictures.undrawn),
        asides=view.asides(),
        truth=view.truth(),
        charts=view.charts(),
        scale=view.scale(),
        kind_keys=view.kind_keys(),
        groups=view.groups(groups, pictures),
        printed=_PRINTED,
        verdicts=[(str(verdict), texts[verdict]) for verdict in (Verdict.FAIL, Verdict.REVIEW, Verdict.PASS)],
        kinds=view.kinds,
        truth_options=view.truth_options(),
        settings=view.settings(),
        data={
            "texts": {
                name: texts[name] for name in ("pass", "review", "fail", "shown", "none_shown", "no_picture")
            },
            **rows,
        },
        pictures=list(pictures.small.values()),
    )


def _source(text: str) -> str:
    """A text as a source that a policy allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
