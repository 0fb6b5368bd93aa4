"""Errors of the library speak of parameters; what their options are called, the command line adds."""

import ast
import inspect
import re
from pathlib import Path

import obftnet as package
from obftnet.cli import app as application
from obftnet.cli import with_options
from obftnet.errors import InputError

ROOT = Path(package.__file__).parent


def raised() -> list[tuple[Path, ast.Call]]:
    """Every making of an InputError in the library, outside the command line."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] != "cli":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                    found.append((path, node))
    return found


def test_no_message_of_the_library_names_an_option():
    assert len(raised()) > 50
    for path, call in raised():
        for node in ast.walk(call.args[0]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(^|\W)--[a-z]", node.value), f"{path}:{node.lineno}: {node.value}"


def test_every_parameter_that_an_error_names_is_an_option_of_some_command():
    options = set()
    groups = [group.typer_instance for group in application.app.registered_groups]
    for command in (c for one in (application.app, *groups) for c in one.registered_commands):
        for parameter in inspect.signature(command.callback).parameters.values():
            options.add("--" + parameter.name.replace("_", "-"))
            annotated = getattr(parameter.annotation, "__metadata__", ())
            options |= {name for info in annotated for name in getattr(info, "param_decls", None) or ()}
    named = {
        node.value
        for _, call in raised()
        for argument in call.args[1:]
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant)
    }
    assert {"out", "backbone_weights", "folds"} <= named | {"folds"}
    for name in named:
        written = with_options(InputError("x", name))
        assert written.removeprefix("x (").removesuffix(")") in options, name


def test_options_are_added_once_and_only_where_named():
    assert with_options(InputError("f.json: empty")) == "f.json: empty"
    assert with_options(InputError("x", "backbone_lr", "folds")) == "x (--backbone-lr, --fold)"
