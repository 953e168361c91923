"""The one way a rule is refused: where it stands, and what was expected instead."""

from __future__ import annotations


class RuleError(Exception):
    """A rule outside the language, the catalogue or its own item; the message is Chinese and says what was expected.

    `file` is the policy file, `condition` the id of the condition (or `logic`, `award`, `exclude_when`), `position` the 1-based character
    in the expression. Each is None where it is not known.
    """

    def __init__(self, file: str | None, condition: str | None, position: int | None, message: str) -> None:
        super().__init__(file, condition, position, message)
        self.file = file
        self.condition = condition
        self.position = position
        self.message = message

    def __str__(self) -> str:
        where = [
            self.file or "",
            f"条件 {self.condition}" if self.condition else "",
            f"第 {self.position} 个字符" if self.position is not None else "",
        ]
        place = "，".join(part for part in where if part)
        return f"{place}：{self.message}" if place else self.message

    def at(self, file: str | None, condition: str | None) -> RuleError:
        """The same error with the place that its finder did not know."""
        return RuleError(self.file or file, self.condition or condition, self.position, self.message)


def refused(position: int | None, message: str) -> RuleError:
    """An error whose file and condition are added by whoever knows them."""
    return RuleError(None, None, position, message)
