"""The engines that run an exported graph on processors: ONNX Runtime, and OpenVINO where it is installed."""

import importlib
import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError

EngineName: TypeAlias = Literal["onnx", "openvino"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

Floats: TypeAlias = NDArray[np.float32]


class Engine(Protocol):
    """A graph that is loaded.

    name, version: of the library that runs it. input, output: names and shapes, of which the first axis is
    free.
    """

    name: EngineName
    version: str
    input: tuple[str, tuple[int, ...]]
    output: tuple[str, tuple[int, ...]]

    def __call__(self, images: Floats) -> Floats:
        """(b, 3, H, W) RGB in 0..1 -> (b, kinds, H, W) in 0..1."""


def load_engine(name: str, graph: bytes, what: str, threads: int | None = None) -> Engine:
    """Load a graph.

    Args:
        name: one of `ENGINES`.
        graph: an ONNX file.
        what: what messages call it.
        threads: of the processor; None for OMP_NUM_THREADS, or the engine's own choice.

    Raises:
        InputError: no such engine, or it is not installed; it cannot load the graph.
    """
    if name not in _LOADERS:
        raise InputError(f"engine {name!r}: there are {', '.join(ENGINES)}")
    count = threads if threads is not None else _wanted_threads()
    return _LOADERS[name](graph, what, count)


def threads_here(threads: int | None) -> int:
    """How many threads `load_engine` leads to on this machine: at most one a core that this process has."""
    # There is one on Linux alone.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return threads or _wanted_threads() or cores


class _OnnxRuntime:
    """By ONNX Runtime."""

    name: EngineName = "onnx"

    def __init__(self, graph: bytes, what: str, threads: int) -> None:
        runtime = _library("onnxruntime", "onnxruntime", "obftnet[export]")
        self.version = str(runtime.__version__)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that wait in a loop take the processor from whoever has work for it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            (one,), (other,) = self._session.get_inputs(), self._session.get_outputs()
        except Exception as error:  # the library's own have no common class but Exception
            raise _unusable(what, f"ONNX Runtime {self.version}", error) from error
        self.input = one.name, _sides(one.shape)
        self.output = other.name, _sides(other.shape)

    def __call__(self, images: Floats) -> Floats:
        (scores,) = self._session.run([self.output[0]], {self.input[0]: images})
        return np.asarray(scores, np.float32)


class _OpenVino:
    """By OpenVINO, which left to itself would take bfloat16 on processors that have it: scores would be
    others."""

    name: EngineName = "openvino"

    def __init__(self, graph: bytes, what: str, threads: int) -> None:
        runtime = _library("openvino", "OpenVINO", "obftnet[openvino]")
        self.version = str(runtime.__version__).split("-")[0]
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            core = runtime.Core()
            self._model = core.compile_model(core.read_model(model=graph), "CPU", settings)
            (one,), (other,) = self._model.inputs, self._model.outputs
        except Exception as error:  # as above
            raise _unusable(what, f"OpenVINO {self.version}", error) from error
        self.input = one.any_name, _sides(one.partial_shape)
        self.output = other.any_name, _sides(other.partial_shape)

    def __call__(self, images: Floats) -> Floats:
        # A copy: the next call writes into the same memory.
        return np.array(self._model([images])[0], np.float32)


_LOADERS: dict[str, Callable[[bytes, str, int], Engine]] = {"onnx": _OnnxRuntime, "openvino": _OpenVino}


def _library(module: str, called: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{called} is not installed; pip install '{extra}' (or {module} alone)") from error


def _sides(shape: Any) -> tuple[int, ...]:
    """A shape's axes but the first; 0 for one that is free."""
    return tuple(int(side) if side.isdigit() else 0 for side in map(str, list(shape)[1:]))


def _wanted_threads() -> int:
    """What OMP_NUM_THREADS says; 0, the engine's own choice, where it says nothing."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(said) if said.isdigit() else 0


def _unusable(what: str, engine: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160]
    return InputError(f"{what}: {engine} cannot load it ({reason}); export it again, or take another version")
