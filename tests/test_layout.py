"""Who may import whom, judged from the syntax tree: imports inside functions count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cleanplate"
FILES = sorted(PACKAGE.rglob("*.py"))
STAGES = {"decode", "mask", "motion", "paint", "paste", "save"}
ARROWS = {("paint", "motion"), ("mask", "motion")}

# Who may use a library: the rooms (first folder or file under the package) named, and nobody else.
LIBRARIES = {
    "av": {"decode", "save", "mask/stored", "bench"},
    "torch": {
        "nets",
        "base/checkpoint",
        "bench/metrics/learned",
        "bench/parity",
        "motion/raft",
        "paint/canvas",
        "paint/e2fgvi",
        "paint/neural",
        "paint/propainter",
        "mask/track_deaot",
        "mask/find_words",
        "mask/pretrained",
        "mask/segment_sam",
        "mask/track_sam2",
    },
    "safetensors": {"base/checkpoint"},
    "skimage": {"bench"},
    "matplotlib": {"bench"},
    "psutil": {"bench"},
    "gradio": {"apps/ui"},
    "fastapi": {"apps/rest", "apps/server", "apps/ui"},
    "starlette": {"apps/rest", "apps/server", "apps/ui"},
    "pydantic": {"apps/rest", "apps/ui"},
    "uvicorn": {"apps/server"},
    "python_multipart": {"apps/rest"},
    "ray": {"apps/cluster"},
    "typer": {"apps/cli"},
    "click": {"apps/cli"},
    "rich": {"apps/cli"},
}
STANDARD = set(sys.stdlib_module_names)


def room(path: Path) -> str:
    """The part of the package a file belongs to: a folder, or a file beside them."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def allowed_rooms(name: str) -> set[str]:
    if name == "base":
        return {"base"}
    if name in STAGES:
        return {"base", name} | {to for who, to in ARROWS if who == name}
    loop = STAGES | {"base", "crops", "pieces", "forecast", "journal", "surveying", "painted", "fetched", "references"}
    loop |= {"inventing", "filling", "borders"}
    tables = loop | {"chain"}
    return {
        "crops": {"base", "paste", "crops"},
        "borders": {"base", "paste"},
        "pieces": STAGES | {"base", "crops"},
        "forecast": STAGES | {"base", "crops"},
        "journal": {"base", "motion", "pieces", "journal"},
        "surveying": STAGES | {"base"},
        "painted": STAGES | {"base"},
        "fetched": STAGES | {"base", "journal"},
        "references": STAGES | {"base", "fetched", "pieces", "journal", "surveying", "painted"},
        "inventing": STAGES | {"base", "pieces", "surveying", "references"},
        "filling": STAGES | {"base", "borders", "pieces", "journal", "references"},
        "chain": loop,
        "tasks": tables | {"tasks"},
        "bench": tables | {"tasks", "bench"},
        "train": {"base", "paint", "motion", "bench", "train"},
        "apps": tables | {"tasks", "bench", "train", "apps", ""},  # "": the public names, loaded when used
    }[name]


def imports(path: Path) -> set[str]:
    """Full names of all modules a file imports, also inside functions; those for type checkers only left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def ours(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "cleanplate":
        return None
    return parts[1] if len(parts) > 1 else ""


def source_files() -> list[Path]:
    return [path for path in FILES if path.parent != PACKAGE or path.name not in ("__init__.py", "__main__.py")]


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_inwards(path: Path):
    may = allowed_rooms(room(path))
    wrong = {name for name in imports(path) if (to := ours(name)) is not None and to not in may}
    assert not wrong, f"{path.relative_to(PACKAGE)} imports {wrong}; '{room(path)}' may import {sorted(may)}"


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path):
    place = str(path.relative_to(PACKAGE).with_suffix(""))
    for name in imports(path):
        library = name.split(".")[0]
        if library in LIBRARIES:
            may = LIBRARIES[library]
            assert any(place.startswith(p) or f"/{p}/" in f"/{place}" for p in may), f"{place} imports {library}"


def test_base_needs_numpy_only():
    # numba: colour conversion, which decode and paste must share. platformdirs: where the cache of weights lies.
    # torch, safetensors: checkpoints, which networks of all rooms read alike.
    extra = {"color.py": {"numba"}, "weights.py": {"platformdirs"}, "checkpoint.py": {"torch", "safetensors"}}
    for path in (PACKAGE / "base").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(path)} - STANDARD - {"numpy", "cleanplate"}
        assert outside <= extra.get(path.name, set()), f"base/{path.name} imports {outside}"


def test_nobody_imports_apps():
    for path in FILES:
        if room(path) != "apps" and path.name != "__main__.py":
            assert not any(name.startswith("cleanplate.apps") for name in imports(path)), path


def test_only_paste_and_save_make_planes_of_their_own():
    # A sample of the video is replaced in paste alone; decode makes planes, the journal keeps whole frames, fields
    # divides planes into lines and joins them again, watchable and arrays make new pictures.
    makers = {str(path.relative_to(PACKAGE)) for path in FILES if "Planes(" in path.read_text(encoding="utf-8")}
    assert makers <= {
        "base/types.py",
        "base/fields.py",
        "decode/file.py",
        "decode/images.py",
        "journal/surveys.py",
        "paste.py",
        "tasks/arrays.py",
        "tasks/watchable.py",
    }


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "cv2", "av", "numba", "scipy", "skimage")
    code = f"import sys, cleanplate; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_starts_without_the_benches():
    heavy = ("skimage", "matplotlib", "psutil", "cleanplate.bench.metrics.metric", "cleanplate.bench.work")
    code = f"import sys, cleanplate.apps.cli.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_public_names_exist():
    import cleanplate

    assert sorted(cleanplate.__all__) == sorted(cleanplate._WHERE)
    for name in cleanplate.__all__:
        assert getattr(cleanplate, name) is not None


def test_only_compiled_kernels_go_without_types():
    """The checkers let functions without types be where kernels are, and cannot tell those from their neighbours."""
    bare = []
    for path in (one for one in FILES if room(one) in ("motion", "paint")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or any("njit" in ast.unparse(one) for one in node.decorator_list):
                continue
            given = node.args
            named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            untyped = [one.arg for one in named if one is not None and one.annotation is None]
            if node.returns is None or set(untyped) - {"self", "cls"}:
                bare.append(f"{path.name}:{node.lineno} {node.name}")
    assert not bare


def test_kernels_are_part_of_those_that_call_them():
    """Else each caller brings a copy, and which one runs depends on what was compiled or loaded first."""
    kernels, imported = {}, {}
    for path in FILES:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(one) for one in node.decorator_list):
                kernels[name, node.name] = node
            elif isinstance(node, ast.ImportFrom):
                imported |= {(name, alias.asname or alias.name): (node.module, alias.name) for alias in node.names}
    called = set()
    for (module, name), node in kernels.items():
        names = {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
        called |= {imported.get((module, one), (module, one)) for one in names - {name}}
    apart = [
        f"{module}.{name}"
        for (module, name), node in kernels.items()
        if (module, name) in called and not any("inline" in ast.unparse(one) for one in node.decorator_list)
    ]
    assert called & set(kernels)
    assert not apart


def test_files_stay_small():
    for path in [*FILES, *Path(__file__).parent.rglob("*.py")]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500 or "nets" in path.parts, f"{path.name} has {lines} lines; the most is 500"
