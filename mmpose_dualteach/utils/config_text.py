# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The text that mmengine writes of a config into checkpoints, read as data: nothing of it is executed."""

import ast
from typing import Any, Dict

NUMBERS = dict(inf=float('inf'), nan=float('nan'))  # As Python prints them.


def parse_config_text(text: str) -> Dict[str, Any]:
    """Read a config's text.

    Args:
        text (str): Assignments of literals, and of ``dict(...)`` of literals: what ``Config.pretty_text`` gives.

    Returns:
        Dict[str, Any]: The config.

    Raises:
        ValueError: If there is anything else in it; names the line.
    """
    try:
        statements = ast.parse(text).body
        config = {}
        for statement in statements:
            names = [each.id for each in getattr(statement, 'targets', ()) if isinstance(each, ast.Name)]
            if not isinstance(statement, ast.Assign) or len(names) != len(statement.targets):
                raise ValueError(f'line {statement.lineno} is no assignment to a name')
            value = _literal(statement.value)
            config.update(dict.fromkeys(names, value))
    except SyntaxError as error:
        raise ValueError(f'line {error.lineno} is no Python') from None
    except (RecursionError, MemoryError):
        raise ValueError('it is nested too deeply') from None
    return config


def _literal(node: ast.AST) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in NUMBERS:
        return NUMBERS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _literal(node.operand)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item) for item in node.elts)
    if isinstance(node, ast.Set):
        return {_hashable(item) for item in node.elts}
    if isinstance(node, ast.Dict):
        return _joined([(key, value) for key, value in zip(node.keys, node.values)])
    if isinstance(node, ast.Call) and _is_dict_call(node):
        unpacked: list = [(None, argument) for argument in node.args]
        named = [(ast.Constant(each.arg) if each.arg is not None else None, each.value) for each in node.keywords]
        return _joined(unpacked + named)
    raise ValueError(f'line {getattr(node, "lineno", "?")} holds more than literals')


def _is_dict_call(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == 'dict'
        and all(isinstance(argument, ast.Dict) for argument in node.args)
    )


def _joined(items: list) -> dict:
    """A dict of keys and values; what has no key is a dict to be unpacked."""
    result: dict = {}
    for key, value in items:
        if key is not None:
            result[_hashable(key)] = _literal(value)
            continue
        inside = _literal(value)
        if not isinstance(inside, dict):
            raise ValueError(f'line {value.lineno} unpacks what is no dict')
        result.update(inside)
    return result


def _hashable(node: ast.AST) -> Any:
    value = _literal(node)
    try:
        hash(value)
    except TypeError:
        raise ValueError(f'line {getattr(node, "lineno", "?")} has a key that cannot be one') from None
    return value
