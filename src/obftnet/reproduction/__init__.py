"""The paper's tables and figures by one command each: train, evaluate, put the paper's value beside."""

from obftnet.reproduction.report import write_report
from obftnet.reproduction.run import reproduce
from obftnet.reproduction.setting import BUDGETS, Setting
from obftnet.reproduction.tables import PaperTable, read_table, table_names
from obftnet.reproduction.targets import TARGETS, Request, Target, make_target

__all__ = [
    "BUDGETS",
    "TARGETS",
    "PaperTable",
    "Request",
    "Setting",
    "Target",
    "make_target",
    "read_table",
    "reproduce",
    "table_names",
    "write_report",
]
