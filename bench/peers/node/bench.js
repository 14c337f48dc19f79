// Peer: Node.  usage: node bench.js WORK
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { performance } = require('perf_hooks');
const childProcess = require('child_process');
const fs = require('fs');

const SECONDS = Number(process.env.BENCH_SECONDS || 0.4), REPS = Number(process.env.BENCH_REPS || 3);
const now = () => performance.now() / 1000;
const once = (emitter, event) => new Promise(done => emitter.once(event, done));
const sleep = ms => new Promise(done => setTimeout(done, ms));
const item = i => ({ id: i, name: 'job-' + i, size: 0.5, tags: ['a', 'b', 'c'] });

function report(work, variant, values, unit) {
  const v = [...values].sort((a, b) => a - b), r = x => Number(x.toPrecision(6));
  console.log(JSON.stringify({ peer: 'node', work, variant, value: r(v[v.length >> 1]), unit,
                               min: r(v[0]), max: r(v[v.length - 1]) }));
}

// fn(n) performs n operations and returns the seconds they took.
async function rate(work, variant, fn, first, unit) {
  let n = first, t = await fn(n);
  while (t < SECONDS / 5) {
    n = Math.max(n * 2, Math.floor(n * (t > 0.001 ? SECONDS / 3 / t : 10)));
    t = await fn(n);
  }
  n = Math.max(first, Math.floor(n * SECONDS / t));
  const v = [];
  for (let i = 0; i < REPS; i++) v.push(n / await fn(n));
  report(work, variant, v, unit);
}

// What the workers do.
const roles = {
  count(port) { port.on('message', x => { if (x === null) port.postMessage('done'); }); },
  pong(port) { port.on('message', x => port.postMessage(x)); },
};
const worker = role => new Worker(__filename, { workerData: { role } });

// 100,000 sleeps of 0 to 500 ms: how late the last one ends, and the CPU seconds.
async function sleepAll() {
  const longest = 0.5, lengths = Array.from({ length: 99999 }, () => Math.random() * longest);
  lengths.push(longest);
  const t = now(), before = process.cpuUsage();
  await Promise.all(lengths.map(s => sleep(s * 1000)));
  const spent = process.cpuUsage(before);
  return { late: now() - t - longest, cpu: (spent.user + spent.system) / 1e6 };
}

async function betweenThreads(w, make) {
  const other = worker('count');
  await rate(w, 'postMessage', async n => {
    const t = now();
    for (let i = 0; i < n; i++) other.postMessage(make(i));
    other.postMessage(null);
    await once(other, 'message');
    return now() - t;
  }, 5000, 'items/s');
  await other.terminate();
}

// The child answers 'ready' when it is up, and 'done' when it has seen the end.
async function betweenProcesses(w, make) {
  const kid = childProcess.fork(__filename, ['child', 'count']);
  await once(kid, 'message');
  await rate(w, 'fork, send', async n => {
    const t = now();
    for (let i = 0; i < n; i++) {
      // back-pressure: wait for the kernel now and then
      if (i % 1000 === 999) await new Promise(go => kid.send(make(i), go));
      else kid.send(make(i));
    }
    const end = once(kid, 'message');
    kid.send({ end: true });
    await end;
    return now() - t;
  }, 2000, 'items/s');
  kid.disconnect();
}

// `send` sends to a partner that answers each message; `emitter` is where the answers come.
function volley(emitter, send) {
  return n => new Promise(done => {
    const t = now();
    let i = 0;
    const on = () => {
      if (++i < n) return send(i);
      emitter.off('message', on);
      done(now() - t);
    };
    emitter.on('message', on);
    send(0);
  });
}

const works = {
  async task_switch(w) {
    const spin = async k => { for (let i = 0; i < k; i++) await Promise.resolve(); };
    await rate(w, 'await', async n => {
      const t = now();
      await Promise.all([spin(n / 2), spin(n / 2)]);
      return now() - t;
    }, 10000, 'switches/s');
  },
  async task_spawn(w) {
    const nothing = async () => {};
    await rate(w, 'async function, Promise.all', async n => {
      const t = now();
      for (; n > 0; n -= 100000) {
        const all = [];
        for (let i = 0; i < Math.min(n, 100000); i++) all.push(nothing());
        await Promise.all(all);
      }
      return now() - t;
    }, 100000, 'starts/s');
  },
  async task_memory(w) {
    const rss = () => Number(fs.readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096;
    await sleep(10);
    const before = rss(), n = 100000, all = [];
    for (let i = 0; i < n; i++) all.push((async () => { await sleep(1e9); })());
    await sleep(500);
    report(w, 'setTimeout promise', [(rss() - before) / all.length], 'bytes');
    process.exit(0);
  },
  queue_isolate_1x1: w => betweenThreads(w, i => i),
  queue_isolate_table: w => betweenThreads(w, item),
  queue_process_1x1: w => betweenProcesses(w, i => i),
  queue_process_1k: w => betweenProcesses(w, () => 'x'.repeat(1024)),
  queue_process_table: w => betweenProcesses(w, item),
  async pingpong_isolate(w) {
    const other = worker('pong');
    await rate(w, 'postMessage', volley(other, i => other.postMessage(i)), 1000, 'round trips/s');
    await other.terminate();
  },
  async pingpong_process(w) {
    const kid = childProcess.fork(__filename, ['child', 'pong']);
    await once(kid, 'message');
    await rate(w, 'fork, send', volley(kid, i => kid.send(i)), 1000, 'round trips/s');
    kid.disconnect();
  },
  async start_isolate(w) {
    await rate(w, 'Worker', async n => {
      const t = now();
      for (let i = 0; i < n; i++) await once(new Worker('', { eval: true }), 'exit');
      return now() - t;
    }, 5, 'starts/s');
  },
  async timers(w) {
    const v = [];
    for (let i = 0; i < REPS; i++) v.push((await sleepAll()).late * 1000);
    report(w, 'setTimeout', v, 'ms late');
  },
  async timers_cpu(w) {
    const v = [];
    for (let i = 0; i < REPS; i++) v.push((await sleepAll()).cpu * 1000);
    report(w, 'setTimeout', v, 'ms of CPU');
  },
  async http_hello(w) {
    const server = require('http').createServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.end('hello, world\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}/`, v = [];
    for (let i = 0; i < REPS; i++) {
      const seconds = Math.max(2, Math.ceil(SECONDS));
      const wrk = childProcess.spawn('wrk', ['-t1', '-c50', `-d${seconds}s`, url]);
      let text = '';
      wrk.stdout.on('data', some => { text += some; });
      await once(wrk, 'close');
      v.push(Number(/Requests\/sec:\s*([\d.]+)/.exec(text)[1]));
    }
    report(w, 'http.createServer under wrk', v, 'requests/s');
    server.close();
    server.closeAllConnections();
  },
  async fetch_many(w) {
    const http = require('http');
    const server = childProcess.spawn(process.env.HEDDLE, ['bench/heddle/http.lua', 'serve']);
    const url = String(await once(server.stdout, 'data')).trim();
    const agent = new http.Agent({ keepAlive: true });
    const get = () => new Promise((done, failed) => http.get(url, { agent }, answer => {
      answer.resume();
      answer.on('end', done);
    }).on('error', failed));
    const run = async n => {
      let left = n;
      const t = now();
      await Promise.all(Array.from({ length: 100 }, async () => { while (left-- > 0) await get(); }));
      return now() - t;
    };
    await run(100);
    const v = [];
    for (let i = 0; i < REPS; i++) v.push(1000 / await run(1000));
    report(w, 'http.get, keep-alive agent', v, 'gets/s');
    agent.destroy();
    server.stdin.end();
  },

  // The client is the C one for every server.
  tcp_echo(w) {
    const net = require('net'), { execFile } = require('child_process');
    const server = net.createServer(socket => {
      socket.setNoDelay();
      socket.on('data', bytes => socket.write(bytes)).on('error', () => {});
    });
    server.listen(0, '127.0.0.1', async () => {
      const v = [];
      for (let i = 0; i < REPS; i++)
        v.push(await new Promise((done, failed) => execFile('build/bench/c',
          ['echo_client', String(server.address().port), String(SECONDS)],
          (error, out) => error ? failed(error) : done(Number(out)))));
      report(w, 'net', v, 'round trips/s');
      server.close();
    });
  },
};

if (!isMainThread) {
  if (workerData && workerData.role) roles[workerData.role](parentPort);
} else if (process.argv[2] === 'child') {
  process.send('ready');
  if (process.argv[3] === 'count') process.on('message', x => { if (x && x.end) process.send('done'); });
  else process.on('message', x => process.send(x));
} else {
  const work = process.argv[2];
  if (!Object.hasOwn(works, work)) process.exit(3);
  works[work](work);
}
