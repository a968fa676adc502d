"""How fast is minicnn? Training steps and predictions against its own bare matrix product, and against PyTorch if it is there.

    python examples/benchmarks/run.py [--only resnet20 lenet] [--rounds 9] [--threads 2] [--seconds 1] [--json FILE]
    python examples/benchmarks/run.py --blas detected Haswell     # once with each of these kernels of OpenBLAS
    python examples/benchmarks/scaling.py                         # cost over doublings of batch, depth, pixels
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
from peers import PEERS  # noqa: E402


class Worker:
    """A process that runs one network in one library."""

    def __init__(self, library, model, threads, core, *device):
        path = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
        if core is not None:
            environment["OPENBLAS_CORETYPE"] = "" if core == "detected" else core
        self.process = subprocess.Popen([sys.executable, str(HERE / "worker.py"), library, model, str(threads), *device], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{library} could not run {model}: its own message stands above")
        self.facts = json.loads(line)

    def burst(self, seconds):
        """What the worker says after a burst of steps."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(model, libraries, rounds, seconds, threads, core, device):
    """The row of one network: times, ratios, memory."""
    workers = {}
    for library in libraries:
        try:
            workers[library] = Worker(library, model, threads, core, *device)
        except RuntimeError as error:
            if library not in PEERS:
                raise
            print(error, file=sys.stderr)
    libraries = list(workers)
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
    for library in answers:
        row[library]["ratio"] = statistics.median(a["time"] / b["time"] for a, b in zip(own, answers[library]))
    return row


def report(model, core, options, libraries, device):
    """Measure one network and print its line, and one more for every peer that can express it."""
    peers = [p for p in libraries if p in PEERS and model in PEERS[p]]
    row = measure(model, [p for p in libraries if p not in PEERS] + peers, options.rounds, options.seconds, options.threads,
                  core, device)
    peers = [p for p in peers if p in row]
    own, torch = row["minicnn"], row.get("torch", dict.fromkeys(("ms", "MB", "ratio"), float("nan")))
    print(f"{model:12}{own['ms']:12.2f}{torch['ms']:12.2f}{torch['ratio']:8.2f}"
          f"{row['gemms']:10.2f}{own['MB']:8.0f}{torch['MB']:10.0f}"
          + "".join(f"   {p} {row[p]['ms']:.2f} ms ({row[p]['ms'] / torch['ms']:.1f}), {row[p]['MB']:.0f} MB" for p in peers),
          flush=True)
    return {**row, "core": core}


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MODELS), metavar="MODEL",
                        help="some of: " + ", ".join(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a burst")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows here too")
    parser.add_argument("--blas", nargs="+", default=[None], metavar="CORE",
                        help="OpenBLAS kernels to use in turn, such as `detected Haswell`; by default as the environment says")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tf32", action="store_true", help="let both libraries use TF32 on a GPU; off otherwise")
    options = parser.parse_args()
    device = [options.device] + ["tf32"] * options.tf32
    if options.device == "cuda":
        import minicnn
        if not minicnn.cuda.is_available():
            parser.error("--device cuda needs CuPy and a GPU: pip install 'minicnn[cuda12]' or 'minicnn[cuda13]'")
    options.only = options.only or (list(ON_GPU) if options.device == "cuda" else list(MODELS)[:-1])
    libraries = ["minicnn"] + [p for p in ("torch", *PEERS) if importlib.util.find_spec(p) is not None]
    if options.device == "cuda":
        libraries = [p for p in libraries if p not in PEERS]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.threads} threads, "
          f"{' '.join(device)}, "
          f"{time.strftime('%Y-%m-%d')}, OPENBLAS_CORETYPE {os.environ.get('OPENBLAS_CORETYPE', 'unset')}")
    print(f"{'':12}{'minicnn ms':>12}{'torch ms':>12}{'ratio':>8}{'in GEMMs':>10}{'MB':>8}{'torch MB':>10}")
    rows = []
    for core in options.blas:
        for model in options.only:
            rows.append(report(model, core, options, libraries, device))
        print("BLAS:", rows[-1]["blas"])
    print("ratio: time / torch's time, median over rounds. in GEMMs: time in float32 products of 1024 x 1024, one after the "
          "other\nin the same process. MB: peak memory above that of the imported library.\n"
          "A peer's number in brackets: its time / torch's.")
    found = {k: [r["import"][k] for r in rows if k in r["import"]] for k in libraries}
    print("import:", ", ".join(f"{k} {statistics.median(times):.2f} s" for k, times in found.items() if times))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
