"""Peer: the demo service as one writes it in Python: workers take seeded CPU-bound jobs from a
shared queue.  usage: demo.py sequential|threads|processes JOBS SEED WORKERS
Job n has size 0.5 + r and costs int(1e6 * size) rounds of SHA3-512 of the empty string."""
import hashlib
import json
import multiprocessing
import queue
import random
import sys
import threading
import time


def work(size):
    sha3 = hashlib.sha3_512
    for _ in range(int(1e6 * size)):
        sha3(b"").digest()


def worker(jobs, log):
    while True:
        try:
            number, size = jobs.get_nowait()
        except queue.Empty:
            return
        log("processing job %d" % number)
        work(size)
        log("completed job %d" % number)


def process_worker(jobs):
    """The job queue is filled before the start; None says that there is no more."""
    while (job := jobs.get()) is not None:
        print("processing job %d" % job[0], file=sys.stderr)
        work(job[1])
        print("completed job %d" % job[0], file=sys.stderr)


def run_threads(jobs, workers):
    q = queue.Queue()
    for job in jobs:
        q.put(job)
    threads = [threading.Thread(target=worker, args=(q, lambda s: print(s, file=sys.stderr)))
               for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def run_processes(jobs, workers):
    q = multiprocessing.SimpleQueue()
    processes = [multiprocessing.Process(target=process_worker, args=(q,)) for _ in range(workers)]
    for p in processes:
        p.start()
    for job in jobs + [None] * workers:
        q.put(job)
    for p in processes:
        p.join()


def main(model, count, seed, workers):
    rng = random.Random(seed)
    jobs = [(n, 0.5 + rng.random()) for n in range(count)]
    t = time.perf_counter()
    if model == "sequential":
        run_threads(jobs, 1)
    elif model == "threads":
        run_threads(jobs, workers)
    else:
        run_processes(jobs, workers)
    rate = sum(size for _, size in jobs) / (time.perf_counter() - t)
    print(json.dumps({"peer": "python", "work": "demo_" + model, "variant": model,
                      "value": float("%.6g" % rate), "unit": "Mrounds/s"}, separators=(",", ":")))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
