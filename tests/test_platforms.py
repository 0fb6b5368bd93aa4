"""What would fail on Windows or macOS, as far as code can be read for it: it is not run there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import obftnet

ROOT = Path(obftnet.__file__).parent
#: Modules of Python that are on POSIX alone.
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
#: Names of `os` and `signal` that not every system has, or has with another meaning.
NAMES = {
    *("fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "killpg", "kill", "setsid"),
    *("mkfifo", "mknod", "uname", "nice", "chown", "statvfs", "posix_fadvise"),
    *("sched_getaffinity", "sched_setaffinity"),
    *("O_DIRECTORY", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGCHLD", "alarm"),
}
#: Links need a right on Windows that few have.
LINKS = {"symlink", "symlink_to", "link", "hardlink_to"}
#: Folders of one system. Where one only asks whether something is there, that it is not is an answer.
FOLDERS = ("/tmp", "/dev", "/proc", "/sys", "/etc", "/home", "/usr", "/var")
ALLOWED = {"/sys/fs/cgroup", "/dev/nvidia0"}


def parts(tree: ast.AST) -> Iterator[ast.AST]:
    """A module's functions and statements, those of classes too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from parts(node)
        else:
            yield node


def faults(code: str) -> list[str]:
    """What of a module's code would fail elsewhere."""
    found = []
    for part in parts(ast.parse(code)):
        asks = any(ast.unparse(n) in ("os.name", "sys.platform") for n in ast.walk(part) if is_attribute(n))
        for node in ast.walk(part):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names if alias.name in MODULES]
            elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
                found.append(node.module)
            elif isinstance(node, ast.Attribute) and node.attr in LINKS:
                found.append(node.attr)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("os", "signal"):
                found += [node.attr] if node.attr in NAMES and not asks else []
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                foreign = node.value.startswith(FOLDERS) and node.value not in ALLOWED
                found += [node.value] if foreign and not asks else []
            elif isinstance(node, ast.Call):
                found += [ast.unparse(node)] if text_as_the_system_likes(node) or forks(node) else []
    return found


def is_attribute(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute)


def text_as_the_system_likes(call: ast.Call) -> bool:
    """Whether a call reads or writes text without an encoding: on Windows that is no UTF-8."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    said = "".join(str(argument.value) for argument in call.args if isinstance(argument, ast.Constant))
    return name == "open" and owner not in ("os", "Image", "webbrowser") and "b" not in said


def forks(call: ast.Call) -> bool:
    """Whether a call starts processes as Linux alone can."""
    text = ast.unparse(call)
    return text.startswith(("multiprocessing.Pool(", "multiprocessing.Process(")) or (
        "get_context(" in text and "'spawn'" not in text
    )


def test_nothing_in_the_package_is_of_one_system():
    paths = sorted(ROOT.rglob("*.py"))
    assert len(paths) > 100
    wrong = [
        f"{path.relative_to(ROOT)}: {fault}" for path in paths for fault in faults(path.read_text("utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from pwd import getpwuid",
        "def f():\n    return os.fork()",
        "class A:\n    def f(self):\n        signal.signal(signal.SIGHUP, stop)",
        "def f(path):\n    path.symlink_to('x')",
        "PLACE = '/tmp/obftnet'",
        "path.read_text()",
        "path.write_text('x')",
        "path.open('w')",
        "open(path)",
        "multiprocessing.Pool(2)",
        "multiprocessing.get_context('fork')",
    ],
)
def test_what_would_fail_is_seen(code):
    assert faults(code)


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    if os.name == 'posix':\n        os.kill(process, 0)",
        "path.open('rb')",
        "path.read_text('utf-8')",
        "path.open('w', encoding='utf-8')",
        "multiprocessing.get_context('spawn').Pool(2)",
        "signal.SIGINT",
    ],
)
def test_what_works_everywhere_is_let_through(code):
    assert not faults(code)
