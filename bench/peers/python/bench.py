"""Peer: Python.  usage: bench.py WORK  (imports stay inside the functions, so that a spawned
child, which imports this file again, pays for little)"""
import json
import os
import sys
import time

now = time.perf_counter
SECONDS = float(os.environ.get("BENCH_SECONDS", 0.4))
REPS = int(os.environ.get("BENCH_REPS", 3))


def report(work, variant, values, unit):
    v = sorted(values)
    print(json.dumps({"peer": "python", "work": work, "variant": variant, "unit": unit,
                      "value": float("%.6g" % v[len(v) // 2]), "min": float("%.6g" % v[0]),
                      "max": float("%.6g" % v[-1])}, separators=(",", ":")), flush=True)


def rate(work, variant, fn, first, unit):
    """fn(n) performs n operations and returns the seconds they took."""
    n = first
    t = fn(n)
    while t < SECONDS / 5:
        n = max(n * 2, int(n * (SECONDS / 3 / t if t > 0.001 else 10)))
        t = fn(n)
    n = max(first, int(n * SECONDS / t))
    report(work, variant, [n / fn(n) for _ in range(REPS)], unit)


def items(n):
    for i in range(n):
        yield {"id": i, "name": "job-%d" % i, "size": 0.5, "tags": ["a", "b", "c"]}


# ---- tasks
def task_switch(w):
    import asyncio

    async def spin(n):
        for _ in range(n):
            await asyncio.sleep(0)

    def once(n):
        async def go():
            t = now()
            await asyncio.gather(spin(n // 2), spin(n // 2))
            return now() - t
        return asyncio.run(go())
    rate(w, "asyncio.sleep(0)", once, 10000, "switches/s")


def task_spawn(w):
    import asyncio

    async def nothing():
        pass

    def once(n):
        async def go():
            t = now()
            for left in range(n, 0, -100000):
                await asyncio.gather(*[asyncio.create_task(nothing())
                                       for _ in range(min(left, 100000))])
            return now() - t
        return asyncio.run(go())
    rate(w, "asyncio create_task, gather", once, 100000, "starts/s")


def task_memory(w):
    """One figure a process: what the kernel gave once is not given back."""
    import asyncio
    count = 100000

    def rss():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def go():
        await asyncio.sleep(0.01)
        before = rss()
        tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count)]
        await asyncio.sleep(0.5)
        report(w, "asyncio.sleep", [(rss() - before) / len(tasks)], "bytes")
        os._exit(0)
    asyncio.run(go())


def _sleep_all():
    """100,000 sleeps of 0 to 500 ms: seconds until the last has ended, and of CPU."""
    import asyncio
    import random
    longest = 0.5
    lengths = [random.random() * longest for _ in range(99999)] + [longest]

    async def go():
        t, cpu = now(), time.process_time()
        await asyncio.gather(*[asyncio.create_task(asyncio.sleep(s)) for s in lengths])
        return now() - t - longest, time.process_time() - cpu
    return asyncio.run(go())


def timers(w):
    report(w, "asyncio.sleep", [_sleep_all()[0] * 1000 for _ in range(REPS)], "ms late")


def timers_cpu(w):
    report(w, "asyncio.sleep", [_sleep_all()[1] * 1000 for _ in range(REPS)], "ms of CPU")


def cancel_storm(w):
    """Tasks that wait at a lock, a semaphore or a queue are cancelled in random order."""
    import asyncio
    import random

    async def storm(n):
        lock, semaphore, q = asyncio.Lock(), asyncio.Semaphore(0), asyncio.Queue()
        await lock.acquire()
        waits = [lock.acquire, semaphore.acquire, q.get]
        tasks = [asyncio.create_task(waits[i % 3]()) for i in range(n)]
        await asyncio.sleep(0)
        random.shuffle(tasks)
        t = now()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        t = now() - t
        lock.release()
        return t

    def once(n):
        return sum(asyncio.run(storm(min(10000, n - at))) for at in range(0, n, 10000))
    rate(w, "asyncio cancel", once, 10000, "cancels/s")


def queue_task(w):
    import asyncio

    def once(n):
        async def produce(q):
            for i in range(n):
                await q.put(i)
            await q.put(None)

        async def consume(q):
            while await q.get() is not None:
                pass

        async def go():
            q = asyncio.Queue(100)
            t = now()
            await asyncio.gather(produce(q), consume(q))
            return now() - t
        return asyncio.run(go())
    rate(w, "asyncio.Queue", once, 10000, "items/s")


# ---- queues across threads
def between_threads(w, k, source):
    import queue
    import threading

    def once(n):
        q, n = queue.Queue(1024), n // k

        def produce():
            put = q.put
            for x in source(n):
                put(x)

        def consume():
            get = q.get
            while get() is not None:
                pass
        producers = [threading.Thread(target=produce) for _ in range(k)]
        consumers = [threading.Thread(target=consume) for _ in range(k)]
        t = now()
        for x in consumers + producers:
            x.start()
        for x in producers:
            x.join()
        for _ in consumers:
            q.put(None)
        for x in consumers:
            x.join()
        return now() - t
    rate(w, "queue.Queue", once, 10000, "items/s")


def queue_isolate_1x1(w):
    between_threads(w, 1, range)


def queue_isolate_4x4(w):
    between_threads(w, 4, range)


def queue_isolate_table(w):
    between_threads(w, 1, items)


def pingpong_isolate(w):
    import queue
    import threading

    def once(n):
        a, b = queue.Queue(1), queue.Queue(1)

        def pong():
            for _ in range(n):
                b.put(a.get())
        th = threading.Thread(target=pong)
        th.start()
        t = now()
        for i in range(n):
            a.put(i)
            b.get()
        t = now() - t
        th.join()
        return t
    rate(w, "queue.Queue", once, 1000, "round trips/s")


# ---- queues across processes
def _consume(q, conn):
    conn.send(1)
    get = q.get
    while get() is not None:
        pass
    conn.send(1)


def between_processes(w, k, source):
    import multiprocessing as mp
    ctx = mp.get_context("fork")

    def once(n):
        q = ctx.SimpleQueue()
        pipes = [ctx.Pipe() for _ in range(k)]
        ps = [ctx.Process(target=_consume, args=(q, b)) for _, b in pipes]
        for p in ps:
            p.start()
        for a, _ in pipes:
            a.recv()
        t = now()
        put = q.put
        for x in source(n):
            put(x)
        for _ in ps:
            put(None)
        for a, _ in pipes:
            a.recv()
        t = now() - t
        for p in ps:
            p.join()
        return t
    rate(w, "mp.SimpleQueue", once, 5000, "items/s")


def queue_process_1x1(w):
    between_processes(w, 1, range)


def queue_process_1x4(w):
    between_processes(w, 4, range)


def queue_process_1k(w):
    s = "x" * 1024
    between_processes(w, 1, lambda n: (s for _ in range(n)))


def queue_process_table(w):
    between_processes(w, 1, items)


def _pong(mine, theirs):
    mine.close()
    try:
        while True:
            theirs.send(theirs.recv())
    except EOFError:
        pass


def pingpong_process(w):
    import multiprocessing as mp
    ctx = mp.get_context("fork")

    def once(n):
        a, b = ctx.Pipe()
        p = ctx.Process(target=_pong, args=(a, b))
        p.start()
        b.close()
        t = now()
        for i in range(n):
            a.send(i)
            a.recv()
        t = now() - t
        a.close()
        p.join()
        return t
    rate(w, "mp.Pipe", once, 1000, "round trips/s")


# ---- starting threads and processes
def nothing():
    pass


def start_with(w, variant, make, n):
    def once(n):
        t = now()
        for _ in range(n):
            worker = make(target=nothing)
            worker.start()
            worker.join()
        return now() - t
    rate(w, variant, once, n, "starts/s")


def start_thread(w):
    import threading
    start_with(w, "threading.Thread", threading.Thread, 1000)


def start_process(w, method):
    import multiprocessing as mp
    start_with(w, "mp " + method, mp.get_context(method).Process, 4)


def start_fork(w):
    start_process(w, "fork")


def start_spawn(w):
    start_process(w, "spawn")


def start_forkserver(w):
    start_process(w, "forkserver")


# ---- locks
def lock_with(w, variant, lock):
    def once(n):
        t = now()
        for _ in range(n):
            with lock:
                pass
        return now() - t
    rate(w, variant, once, 10000, "pairs/s")


def lock_threading(w):
    import threading
    lock_with(w, "threading.Lock", threading.Lock())


def lock_multiprocessing(w):
    import multiprocessing as mp
    lock_with(w, "mp.Lock", mp.Lock())


# ---- four workers that add to one counter under a lock
WORKERS = 4


def _add_to_object(lock, counter, n, barrier):
    barrier.wait()
    for _ in range(n):
        with lock:
            counter.value += 1


def contended(w, variant, make, lock, counter, barrier):
    def once(n):
        counter.value = 0
        ws = [make(target=_add_to_object, args=(lock, counter, n // WORKERS, barrier))
              for _ in range(WORKERS)]
        for x in ws:
            x.start()
        barrier.wait()
        t = now()
        for x in ws:
            x.join()
        t = now() - t
        assert counter.value == n // WORKERS * WORKERS
        return t
    rate(w, variant, once, 10000, "additions/s")


def lock_contended_thread(w):
    import threading
    import types
    contended(w, "threads, threading.Lock", threading.Thread, threading.Lock(),
              types.SimpleNamespace(value=0), threading.Barrier(WORKERS + 1))


def lock_contended_process(w):
    import multiprocessing as mp
    contended(w, "processes, mp.Lock, mp.RawValue", mp.Process, mp.Lock(), mp.RawValue("q", 0),
              mp.Barrier(WORKERS + 1))


# ---- pools
MOST = 100000


def square(n):
    return n * n


def map_tiny(w, variant, pool, chunk):
    def once(n):
        t = 0
        for _ in range(n // MOST):
            begun = now()
            squares = pool.map(square, range(1, MOST + 1), chunksize=chunk)
            t += now() - begun
            assert squares[-1] == MOST ** 2
        return t
    with pool:
        rate(w, variant, once, MOST, "jobs/s")


def pool_map_tiny_1(w):
    import multiprocessing as mp
    map_tiny(w, "mp.Pool", mp.get_context("fork").Pool(2), 1)


def pool_map_tiny_100(w):
    import multiprocessing as mp
    map_tiny(w, "mp.Pool", mp.get_context("fork").Pool(2), 100)


def thread_pool_map_tiny_1(w):
    from multiprocessing.pool import ThreadPool
    map_tiny(w, "mp ThreadPool", ThreadPool(2), 1)


def thread_pool_map_tiny_100(w):
    from multiprocessing.pool import ThreadPool
    map_tiny(w, "mp ThreadPool", ThreadPool(2), 100)


# ---- HTTP
def fetch_many(w):
    """1,000 gets, 100 at once, from heddle's server: it is the same for all clients."""
    import subprocess
    import urllib.request
    from concurrent.futures import ThreadPoolExecutor
    server = subprocess.Popen([os.environ["HEDDLE"], "bench/heddle/http.lua", "serve"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(_):
        with opener.open(url) as answer:
            answer.read()

    def once(n):
        t = now()
        with ThreadPoolExecutor(100) as pool:
            list(pool.map(get, range(n)))
        return now() - t
    once(100)
    report(w, "threads + urllib", [1000 / once(1000) for _ in range(REPS)], "gets/s")
    server.stdin.close()
    server.wait()


# ---- input and output
def tcp_echo(w):
    """The client is the C one for every server."""
    import asyncio

    async def echo(reader, writer):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def go():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        values = []
        for _ in range(REPS):
            client = await asyncio.create_subprocess_exec(
                "build/bench/c", "echo_client", str(port), str(SECONDS),
                stdout=asyncio.subprocess.PIPE)
            out, _ = await client.communicate()
            values.append(float(out))
        server.close()
        report(w, "asyncio streams", values, "round trips/s")
    asyncio.run(go())


if __name__ == "__main__":
    work = sys.argv[1] if len(sys.argv) == 2 else ""
    if work not in globals():
        sys.exit(3)
    globals()[work](work)
