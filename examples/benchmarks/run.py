"""How fast is minicnn? Training steps and predictions against its own bare matrix product, and against PyTorch if it is there.

    python examples/benchmarks/run.py [--only resnet20 lenet] [--rounds 9] [--threads 2] [--seconds 1] [--json FILE]
    python examples/benchmarks/run.py --device cuda [--tf32]      # ResNet-20, batch 128, and ResNet-50, batch 32

Each library runs in a process of its own. In every round each does a burst of steps, one after the other, and the ratio of
the two times is taken within the round; the table shows the median over rounds. Another program on the machine disturbs
both sides of a round alike, which a comparison of two separate measurements could not say.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
from models import MODELS, ON_GPU  # noqa: E402


class Worker:
    """A process that runs one network in one library."""

    def __init__(self, library, model, threads, *device):
        path = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([sys.executable, str(HERE / "worker.py"), library, model, str(threads), *device], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.facts = json.loads(self.process.stdout.readline())

    def burst(self, seconds):
        """What the worker says after a burst of steps."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(model, libraries, rounds, seconds, threads, device):
    """The row of one network: times, ratios, memory."""
    workers = {library: Worker(library, model, threads, *device) for library in libraries}
    answers = {library: [] for library in libraries}
    try:
        for i in range(rounds + 1):
            for library in libraries if i % 2 else reversed(libraries):
                time.sleep(0.25)  # the other library's threads stop spinning
                answer = workers[library].burst(seconds)
                if i:  # the first round warms up
                    answers[library].append(answer)
    finally:
        for worker in workers.values():
            worker.close()
    row = {"model": model, "blas": workers["minicnn"].facts["blas"],
           "import": {library: workers[library].facts["import"] for library in libraries}}
    for library, found in answers.items():
        row[library] = {"ms": 1e3 * statistics.median(a["time"] for a in found), "MB": found[-1]["own_memory"] / 1e6}
    own = answers["minicnn"]
    row["gemms"] = statistics.median(a["time"] * a["gemm"] / (2 * 1024**3) for a in own)
    if "torch" in answers:
        row["ratio"] = statistics.median(a["time"] / b["time"] for a, b in zip(own, answers["torch"]))
    return row


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MODELS), metavar="MODEL",
                        help="some of: " + ", ".join(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a burst")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows here too")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tf32", action="store_true", help="let both libraries use TF32 on a GPU; off otherwise")
    options = parser.parse_args()
    device = [options.device] + ["tf32"] * options.tf32
    if options.device == "cuda":
        import minicnn
        if not minicnn.cuda.is_available():
            parser.error("--device cuda needs CuPy and a GPU: pip install 'minicnn[cuda12]' or 'minicnn[cuda13]'")
    options.only = options.only or (list(ON_GPU) if options.device == "cuda" else list(MODELS)[:-1])
    libraries = ["minicnn"] + ["torch"] * (importlib.util.find_spec("torch") is not None)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.threads} threads, "
          f"{' '.join(device)}, "
          f"{time.strftime('%Y-%m-%d')}, OPENBLAS_CORETYPE {os.environ.get('OPENBLAS_CORETYPE', 'unset')}")
    print(f"{'':12}{'minicnn ms':>12}{'torch ms':>12}{'ratio':>8}{'in GEMMs':>10}{'MB':>8}{'torch MB':>10}")
    rows = []
    for model in options.only:
        row = measure(model, libraries, options.rounds, options.seconds, options.threads, device)
        rows.append(row)
        torch = row.get("torch", {"ms": float("nan"), "MB": float("nan")})
        print(f"{model:12}{row['minicnn']['ms']:12.2f}{torch['ms']:12.2f}{row.get('ratio', float('nan')):8.2f}"
              f"{row['gemms']:10.2f}{row['minicnn']['MB']:8.0f}{torch['MB']:10.0f}", flush=True)
    print("ratio: time / torch's time, median over rounds. in GEMMs: time in float32 products of 1024 x 1024, one after the "
          "other\nin the same process. MB: peak memory above that of the imported library.")
    print("BLAS:", rows[0]["blas"])
    print("import:", ", ".join(f"{k} {statistics.median(r['import'][k] for r in rows):.2f} s" for k in libraries))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
