"""The paper's tables by one command each: train, evaluate, put the paper's value beside."""

from obftnet.reproduction.report import write_report
from obftnet.reproduction.run import BUDGETS, Setting, reproduce
from obftnet.reproduction.tables import PaperTable, read_table, table_names

__all__ = ["BUDGETS", "PaperTable", "Setting", "read_table", "reproduce", "table_names", "write_report"]
