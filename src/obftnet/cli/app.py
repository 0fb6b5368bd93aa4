"""The commands there are. Their modules import nothing heavy before a command runs."""

from obftnet.cli.calibrate import calibrate_command
from obftnet.cli.check import check_command
from obftnet.cli.decide import decide_command
from obftnet.cli.demo import demo_command
from obftnet.cli.distill import distill_command
from obftnet.cli.doctor import doctor_command
from obftnet.cli.evaluate import evaluate_command
from obftnet.cli.explain import explain_command
from obftnet.cli.export import export_command
from obftnet.cli.fit import fit_command
from obftnet.cli.import_ import import_command
from obftnet.cli.merge import merge_command
from obftnet.cli.pack import pack_app
from obftnet.cli.program import program
from obftnet.cli.protocol import protocol_command
from obftnet.cli.report import report_command
from obftnet.cli.reproduce import reproduce_command
from obftnet.cli.segment import segment_command
from obftnet.cli.serve import serve_command
from obftnet.cli.synthesize import synthesize_command
from obftnet.cli.train import train_command
from obftnet.cli.ui import ui_command
from obftnet.cli.watch import watch_command

app = program(
    "obftnet", "Segment defects on a material never seen before, from one to five annotated images."
)
app.command("demo")(demo_command)
app.command("segment")(segment_command)
app.command("decide")(decide_command)
app.command("merge")(merge_command)
app.command("fit")(fit_command)
app.command("calibrate")(calibrate_command)
app.command("report")(report_command)
app.command("explain")(explain_command)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("protocol")(protocol_command)
app.command("reproduce")(reproduce_command)
app.command("synthesize")(synthesize_command)
app.command("distill")(distill_command)
app.command("import")(import_command)
app.command("check")(check_command)
app.command("doctor")(doctor_command)
app.command("ui")(ui_command)
app.command("watch")(watch_command)
app.command("serve")(serve_command)
app.command("export")(export_command)
app.add_typer(pack_app, name="pack")
