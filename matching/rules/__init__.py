"""Rules: the language, three-valued verdicts in bulk, and why."""

from matching.rules.errors import RuleError
from matching.rules.explain import Explanation, explain
from matching.rules.expression import evaluate_expr
from matching.rules.profiles import profile_frame
from matching.rules.program import Program, compile_items
from matching.rules.verdicts import AwardError, Verdicts, evaluate

__all__ = [
    "AwardError",
    "Explanation",
    "Program",
    "RuleError",
    "Verdicts",
    "compile_items",
    "evaluate",
    "evaluate_expr",
    "explain",
    "profile_frame",
]
