"""Imports point down the floors declared in setup.cfg, without cycles, and a few things are never imported at all."""

import ast
import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# heavy, needed seldom, or not on every system: imported when used
LATE = {"cupy", "matplotlib", "PIL", "pooch", "tqdm", "safetensors", "mpi4py", "scipy", "urllib", "http", "IPython", "resource",
        "pytest"}
UNSAFE = {"pickle", "dill", "joblib", "shelve", "random"}  # code in data; a random state that belongs to everybody
GENERATORS = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937",
              "XORWOW"}


def read_floors(text):
    """The layers of an import-linter contract, top first: [{"cli"}, {"teaching"}, {"train", "inspect"}, ...]."""
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    lines = config["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [{name.strip(" ()") for name in re.split(r"[|:]", line)} for line in lines]


def module_name(path, root):
    """minicnn/nn/__init__.py -> minicnn.nn."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_modules(root):
    """{dotted name: (path, syntax tree)} of the package."""
    paths = sorted((root / "minicnn").rglob("*.py"))
    return {module_name(p, root): (p, ast.parse(p.read_text(encoding="utf-8"), str(p))) for p in paths}


def targets(node, name, is_package, modules):
    """Dotted names that an import statement means; `from . import x` means the module x where there is one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = name.split(".") if is_package else name.split(".")[:-1]
    base = base[: len(base) - (node.level - 1)] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    return [f"{stem}.{a.name}" if f"{stem}.{a.name}" in modules else stem for a in node.names]


def imports(name, path, tree, modules):
    """(line, dotted name, inside a function?) for every import of a module."""
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
              for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for target in targets(node, name, path.name == "__init__.py", modules):
                yield node.lineno, target, id(node) in inside


def floor_of(name, floors):
    """Number of the floor from the top, of minicnn.nn.conv for instance that of nn."""
    part = name.split(".")[1]
    return next((i for i, names in enumerate(floors) if part in names), None)


def check_imports(name, path, tree, modules, floors):
    """What is wrong with the imports of one module, as readable lines."""
    for line, target, inside in imports(name, path, tree, modules):
        at, package = f"{path.name}:{line}: {name} imports {target}", target.split(".")[0]
        if package in UNSAFE:
            yield f"{at}: never"
        if package == "cupy" and name != "minicnn.backend" and not (".kernels." in name and name.endswith("_cuda")):
            yield f"{at}: only backend.py and kernels/*_cuda.py may"
        if inside and package not in LATE:
            yield f"{at} inside a function"
        if package in LATE and not inside and package != "cupy":
            yield f"{at} at the top; import it where it is used, it is slow to load"
        if package == "minicnn" and name != "minicnn":
            yield from check_direction(at, name, target, floors)


def check_direction(at, name, target, floors):
    """A module may import its own package and the floors below."""
    if target == "minicnn":
        yield f"{at}: the package itself stands above all floors"
        return
    mine, theirs = floor_of(name, floors), floor_of(target, floors)
    if mine is None:
        yield f"{at}: {name} stands on no floor of setup.cfg"
    elif name.split(".")[1] != target.split(".")[1] and (theirs is None or theirs <= mine):
        yield f"{at}: that is not below it"


def check_body(name, path, tree):
    """Every module says what it is and what is public, and leaves the global random state alone."""
    if not ast.get_docstring(tree):
        yield f"{path.name}: {name} has no docstring"
    assigned = (t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets)
    if not any(isinstance(t, ast.Name) and t.id == "__all__" for t in assigned):
        yield f"{path.name}: {name} has no __all__"
    yield from check_random(name, path, tree)


def check_random(name, path, tree):
    """np.random only for its generators; no pickled arrays."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            owner = node.value.value
            if isinstance(owner, ast.Name) and owner.id in {"np", "numpy", "cp", "cupy", "xp"} and node.attr not in GENERATORS:
                yield f"{path.name}:{node.lineno}: {name} uses the global random state, {ast.unparse(node)}"
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", None) is not False:
            yield f"{path.name}:{node.value.lineno}: {name} reads pickled arrays"


def find_cycles(modules):
    """Modules that import each other in a circle: what remains when all that import nothing left are taken away."""
    left = {name: {t for _, t, _ in imports(name, path, tree, modules) if t in modules and t != name}
            for name, (path, tree) in modules.items()}
    while True:
        done = {name for name, wanted in left.items() if not wanted & left.keys()}
        if not done:
            return [f"{name} is in a circle of imports or stands above one" for name in sorted(left)]
        left = {name: wanted for name, wanted in left.items() if name not in done}


def find_violations(root, floors):
    """All that is wrong in the package below `root`."""
    modules = read_modules(root)
    found = find_cycles(modules)
    for name, (path, tree) in modules.items():
        found += [*check_imports(name, path, tree, modules, floors), *check_body(name, path, tree)]
    return found


def test_package_keeps_the_floors():
    floors = read_floors((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    assert len(floors) > 8 and floors[-1] >= {"errors"}
    assert find_violations(ROOT, floors) == []


def test_every_part_of_the_package_stands_on_one_floor():
    floors = read_floors((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    names = [name for floor in floors for name in floor]
    assert len(names) == len(set(names))
    parts = {name.split(".")[1] for name in read_modules(ROOT) if "." in name}
    assert parts <= set(names)


@pytest.mark.parametrize("folder", ["lessons", "examples"])
def test_scripts_use_no_pickle_and_no_global_random_state(folder):
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {t.split(".")[0] for _, t, _ in imports(path.stem, path, tree, {})}
        assert not names & UNSAFE, path
        assert list(check_random(path.stem, path, tree)) == []


# ------------------------------------------------------------------------------------------------ the checker checked

FLOORS = [{"cli"}, {"nn", "data"}, {"tensor"}, {"backend"}, {"errors"}]
HEAD = '"""A module."""\n__all__ = []\n'
CLEAN = {
    "__init__.py": "from . import tensor\n", "cli.py": "from .nn import conv\nfrom .tensor import T\n",
    "nn/__init__.py": "from .conv import Conv\n", "nn/conv.py": "from .. import errors\nfrom ..tensor import T\n",
    "data/__init__.py": "", "tensor.py": "import numpy as np\nfrom . import backend\nr = np.random.default_rng(0)\n",
    "backend.py": "def load():\n    import cupy\n", "errors.py": "",
}
PLANTED = {  # file: (line to add, what the checker must say)
    "upward": ("tensor.py", "from .nn import conv", "not below"),
    "upward, absolute": ("errors.py", "import minicnn.backend", "not below"),
    "sideways": ("data/__init__.py", "from ..nn import conv", "not below"),
    "the package itself": ("nn/conv.py", "from .. import nothing", "above all floors"),
    "no floor": ("new.py", "from .errors import E", "no floor"),
    "circle in a package": ("nn/conv.py", "from . import Conv", "circle"),
    "in a function": ("tensor.py", "def f():\n    import math", "inside a function"),
    "in a method": ("tensor.py", "class C:\n    def f(self):\n        from . import errors", "inside a function"),
    "slow at the top": ("cli.py", "import matplotlib.pyplot as plt", "at the top"),
    "cupy elsewhere": ("tensor.py", "def f():\n    import cupy", "only backend.py"),
    "pickle": ("data/__init__.py", "from pickle import loads", "never"),
    "pickled arrays": ("data/__init__.py", "a = load('f', allow_pickle=True)", "pickled"),
    "global random state": ("nn/conv.py", "import numpy as np\nnp.random.seed(0)", "global random state"),
}


def write(root, files, head=HEAD):
    for name, text in files.items():
        path = root / "minicnn" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text, encoding="utf-8")


def test_checker_accepts_a_clean_package(tmp_path):
    write(tmp_path, CLEAN)
    assert find_violations(tmp_path, FLOORS) == []


@pytest.mark.parametrize("case", PLANTED)
def test_checker_catches_what_is_planted(tmp_path, case):
    name, line, message = PLANTED[case]
    write(tmp_path, {**CLEAN, name: CLEAN.get(name, "") + line + "\n"})
    assert any(message in found for found in find_violations(tmp_path, FLOORS))


@pytest.mark.parametrize(("head", "message"), [("__all__ = []\n", "no docstring"), ('"""A module."""\n', "no __all__")])
def test_checker_wants_a_docstring_and_public_names(tmp_path, head, message):
    write(tmp_path, CLEAN)
    write(tmp_path, {"errors.py": ""}, head=head)
    assert [message in found for found in find_violations(tmp_path, FLOORS)] == [True]


def test_reader_understands_import_linter(tmp_path):
    text = "[importlinter:contract:floors]\nlayers =\n    cli\n    (train) | inspect : ode\n    errors\n"
    assert read_floors(text) == [{"cli"}, {"train", "inspect", "ode"}, {"errors"}]
