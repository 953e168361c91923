"""Rules: the language, three-valued verdicts in bulk, and why."""

from matching.rules.errors import RuleError
from matching.rules.expression import evaluate_expr

__all__ = ["RuleError", "evaluate_expr"]
