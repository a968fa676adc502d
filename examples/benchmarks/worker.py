"""One network in one library in one process: `python worker.py LIBRARY MODEL THREADS DEVICE`, driven over its standard streams.

Each line "SECONDS" on the input asks for a burst of steps; the answer is one line of JSON. `run.py` starts one such
process per library, so that neither has the other's threads, memory or BLAS in its way.
"""

import importlib
import json
import os
import resource
import statistics
import sys
import time

import numpy as np
import peers
from models import build


def peak_memory():
    """The most memory this process has had, in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def blas():
    """The kernels that NumPy's OpenBLAS chose for this processor, or what other library NumPy uses."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return os.environ.get("OPENBLAS_CORETYPE", "detected by OpenBLAS")
    found = [f"{i['internal_api']} {i.get('version')} {i.get('architecture', '')}" for i in threadpool_info()
             if i["user_api"] == "blas"]
    return ", ".join(found) or "not OpenBLAS"


def gemm_rate(seconds=0.3, n=1024):
    """Floating-point operations a second of one large float32 product, as NumPy in this process does it."""
    a, best, end = np.ones((n, n), np.float32), np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def gpu(library, lib, tf32):
    """(wait until the GPU is done, bytes that it has held at most) for a library; sets its precision."""
    if library == "torch":
        lib.backends.cuda.matmul.allow_tf32 = lib.backends.cudnn.allow_tf32 = tf32
        return lib.cuda.synchronize, lib.cuda.max_memory_reserved
    import cupy
    lib.cuda.allow_tf32(tf32)
    return cupy.cuda.Device().synchronize, cupy.get_default_memory_pool().total_bytes


def steps(name, lib, device):
    """A function that does one training step, or one prediction, and returns the loss or the logits' sum."""
    model, shape, task = build(name, lib)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape).astype(np.float32), rng.integers(0, 10, shape[0])
    x, y, model = lib.tensor(x).to(device), lib.tensor(y).to(device), model.to(device)  # copies, as a loader's batches are
    if task == "infer":
        model.eval()

        def predict():
            with lib.no_grad():
                return model(x)
        return predict
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def train():
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    return train


def main(library, name, threads, device="cpu", tf32=False):
    """Answer bursts until the input ends."""
    start = time.perf_counter()
    peers.prepare(library)
    lib = importlib.import_module(library)
    seconds = time.perf_counter() - start
    if library in ("minicnn", "torch"):
        lib.set_num_threads(threads)
    wait, memory = (lambda: None, peak_memory) if device == "cpu" else gpu(library, lib, tf32)
    before, step = memory(), peers.steps(library, name) if library in peers.PEERS else steps(name, lib, device)
    together = 1 if device == "cpu" else 10  # steps between two waits, so that the host can run ahead of a GPU
    for _ in range(2):
        step()
    wait()
    print(json.dumps({"import": seconds, "blas": blas()}), flush=True)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(together):
                step()
            wait()
            times.append((time.perf_counter() - start) / together)
        answer = {"time": statistics.median(times), "memory": memory(), "own_memory": memory() - before}
        if library == "minicnn":
            answer["gemm"] = gemm_rate()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5:] == ["tf32"])
