"""The OpenAPI 3.1 document, made from the models that a test holds every answer to."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from dashboards.service import models

_MODELS = (models.Matches, models.Item, models.Case, models.Results, models.Simulation, models.Error)
_REF = "#/components/schemas/{model}"

FAULTS = {
    400: "请求体不是合法的 JSON",
    401: "没有令牌，或令牌无效",
    404: "没有找到",
    405: "方法不对",
    408: "请求体迟迟没有送完",
    413: "请求体过大",
    415: "请求体不是 application/json",
    422: "参数、条件或表达式不合要求",
    429: "请求过多；Retry-After 写明几秒后再试",
    500: "服务内部出错",
    503: "还没有发布过结果",
}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    _, schemas = models_json_schema([(model, "serialization") for model in _MODELS], ref_template=_REF, by_alias=True)
    _, asked = models_json_schema([(models.Simulate, "validation")], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "惠企决策服务",
            "version": "1",
            "description": "供政务门户查询：企业能享受哪些政策、事项规则、办件进度、政策检索和改条件模拟。只读，答案出自最近一次发布。金额为文本，单位元。",
        },
        "servers": [{"url": "/v1"}],
        "security": [{"bearer": []}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas["$defs"], **asked["$defs"]},
        },
        "paths": {
            "/enterprises/{key}/matches": {
                "get": _operation(
                    "matches",
                    "一家企业对所有事项的判定",
                    "Matches",
                    [
                        _path("key", "统一社会信用代码，或其他能认出企业的代码、全称"),
                        _query("verdict", "只要这些判定，逗号分隔或重复", {"type": "array", "items": {"enum": list(get_args(models.Verdict))}}),
                    ],
                )
            },
            "/items/{id}": {"get": _operation("item", "一个事项的规则、原文和各判定企业数", "Item", [_path("id", "事项编号或标题")])},
            "/cases/{id}": {"get": _operation("case", "一件申报的进度", "Case", [_path("id", "办件编号")])},
            "/search": {
                "get": _operation(
                    "search",
                    "政策检索",
                    "Results",
                    [
                        _query("q", "要找的词"),
                        *(
                            _query(name, f"{label}标签，可重复", {"type": "array", "items": {"type": "string"}})
                            for name, label in {
                                "theme": "主题", "industry": "行业", "size": "规模", "method": "扶持方式", "mode": "兑现方式",
                            }.items()
                        ),
                        _query("level", "级别，可重复", {"type": "array", "items": {"type": "string"}}),
                        _query("region", "地区或园区（名称或编码）"),
                        _query("zone", "只看自贸港政策专区", {"type": "string", "enum": ["true", "false"]}),
                        _query("on", "哪天有效 YYYY-MM-DD；默认规则日，all 不限"),
                        _query("fits", "只看这家企业符合或可申报的（统一社会信用代码）"),
                        _query("limit", "最多几条", {"type": "integer", "minimum": 1, "maximum": 500, "default": 10}),
                    ],
                    refused=(422,),
                )
            },
            "/simulate": {
                "post": {
                    **_operation(
                        "simulate", "改条件会多出谁、少掉谁、花多少；一次按 20 次请求计", "Simulation", [], (400, 404, 408, 413, 415, 422)
                    ),
                    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": _REF.format(model="Simulate")}}}},
                }
            },
            "/openapi.json": {
                "get": {
                    "operationId": "openapi",
                    "summary": "本文档",
                    "security": [],
                    "responses": {"200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {"type": "object"}}}}},
                }
            },
        },
    }  # fmt: skip


def _operation(
    name: str, summary: str, model: str, parameters: list[dict[str, Any]], refused: tuple[int, ...] = (404, 422)
) -> dict[str, Any]:
    codes = sorted({*refused, 401, 405, 429, 500, 503})
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": summary, "content": _content(model)},
            **{
                str(code): {"description": FAULTS[code], "content": _content("Error"), **_headers(code)}
                for code in codes
            },
        },
    }


def _headers(code: int) -> dict[str, Any]:
    told = {
        401: ("WWW-Authenticate", "Bearer"),
        405: ("Allow", "可用的方法"),
        429: ("Retry-After", "秒"),
        503: ("Retry-After", "秒"),
    }
    if code not in told:
        return {}
    name, text = told[code]
    return {"headers": {name: {"description": text, "schema": {"type": "string"}}}}


def _content(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model)}}}


def _path(name: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", "maxLength": 200},
    }


def _query(name: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": schema or {"type": "string", "maxLength": 200},
    }
