"""YAML as configuration may be written: no aliases, no duplicate keys, no words that turn into something else, a size limit."""

from __future__ import annotations

from typing import Any

import yaml

MAX_YAML_BYTES = 512 * 1024


class ContractError(ValueError):
    """A contract that cannot be trusted; the message names the file and the line or key."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):  # type: ignore[misc]
    """YAML without duplicate keys or the words (yes, no, on, off) that silently turn into something else."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise ContractError(f"第 {key_node.start_mark.line + 1} 行：键「{key_node.value}」要写成带引号的文字")
            if key in seen:
                raise ContractError(f"第 {key_node.start_mark.line + 1} 行：键「{key}」重复")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _construct_flag(loader: Any, node: Any) -> bool:
    if node.value not in ("true", "false"):
        line = node.start_mark.line + 1
        raise ContractError(f"第 {line} 行：「{node.value}」会被 YAML 当成真假值，请写 true、false 或加引号")
    return bool(node.value == "true")


_StrictLoader.add_constructor("tag:yaml.org,2002:bool", _construct_flag)


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """A mapping from strict YAML. Raises ContractError naming `source` and the line."""
    if len(text.encode()) > MAX_YAML_BYTES:
        raise ContractError(f"{source}：超过 {MAX_YAML_BYTES // 1024} KB，不像是一份合同")
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent) and event.start_mark is not None:
                raise ContractError(f"第 {event.start_mark.line + 1} 行：不允许使用 YAML 别名（*）")
        loaded = yaml.load(text, Loader=_StrictLoader)
    except ContractError as error:
        raise ContractError(f"{source}：{error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"第 {mark.line + 1} 行" if mark else "位置不明"
        raise ContractError(f"{source}：{where}不是合法的 YAML：{getattr(error, 'problem', error)}") from None
    if not isinstance(loaded, dict):
        raise ContractError(f"{source}：顶层应是键值对")
    return loaded
