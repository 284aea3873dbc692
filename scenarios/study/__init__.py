"""Studies: many runs of one scenario under what is chosen and what is uncertain, one table, and what it says."""

from scenarios.study.design import Design
from scenarios.study.engine import Workplace
from scenarios.study.study import Goal, Question, Study, read_study
from scenarios.study.table import StudyTable, open_table

__all__ = ["Design", "Goal", "Question", "Study", "StudyTable", "Workplace", "open_table", "read_study"]
