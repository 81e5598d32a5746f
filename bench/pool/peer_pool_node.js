#!/usr/bin/env node
// Node: a pool of child_process.spawn(), written out as its users do.

'use strict'

const fs = require('fs')
const { spawn } = require('child_process')

const QUESTION = 'x'.repeat(31)
const WINDOW_MICROSECONDS = 5000
const now = () => Number(process.hrtime.bigint()) / 1e3

class Pool {
  constructor (program, size) {
    this.program = program
    this.idle = []
    this.waiting = []
    this.ended = false
    for (let i = 0; i < size; ++i) this.start()
  }

  start () {
    const worker = { child: spawn(this.program, [], { stdio: ['pipe', 'pipe', 'ignore'] }), text: '', asker: null }
    worker.child.stdin.on('error', () => {}) // What follows from that, its end tells.
    worker.child.stdout.setEncoding('utf8')
    worker.child.stdout.on('data', piece => this.read(worker, piece))
    worker.child.on('exit', () => this.lost(worker))
    this.offer(worker)
  }

  offer (worker) {
    if (this.waiting.length > 0) this.send(worker, this.waiting.shift())
    else this.idle.push(worker)
  }

  send (worker, asker) {
    worker.asker = asker
    worker.child.stdin.write(asker.line + '\n')
  }

  read (worker, piece) {
    worker.text += piece
    const end = worker.text.indexOf('\n')
    if (end === -1) return
    const answer = worker.text.slice(0, end)
    worker.text = worker.text.slice(end + 1)
    const asker = worker.asker
    worker.asker = null
    this.last = worker
    this.offer(worker)
    asker.resolve(answer)
  }

  lost (worker) {
    if (this.ended) return
    this.idle = this.idle.filter(one => one !== worker)
    this.start()
    if (worker.asker) worker.asker.reject(new Error('the worker has ended'))
  }

  request (line) {
    return new Promise((resolve, reject) => {
      const asker = { line, resolve, reject }
      if (this.idle.length > 0) this.send(this.idle.pop(), asker)
      else this.waiting.push(asker)
    })
  }
}

class Recorder {
  constructor (milliseconds) {
    this.begin = now()
    this.warm = this.begin + milliseconds * 100
    this.end = this.begin + milliseconds * 1000
    this.samples = []
    this.windows = [] // How many answers came in each, from the beginning.
  }

  add (asked) {
    const time = now()
    if (time > this.warm) {
      this.samples.push(Math.round((time - asked) * 100) / 100)
      const window = Math.floor((time - this.begin) / WINDOW_MICROSECONDS)
      while (this.windows.length <= window) this.windows.push(0)
      ++this.windows[window]
    }
    return time
  }

  // Not before there are some samples, however long each takes.
  isOver () {
    return now() > this.end && this.samples.length > 2
  }
}

async function client (pool, measured) {
  for (let asked = now(); !measured.isOver();) {
    if (await pool.request(QUESTION) !== QUESTION) throw new Error('another answer')
    asked = measured.add(asked)
  }
}

async function answered (pool) {
  for (;;) {
    try {
      return await pool.request(QUESTION)
    } catch {}
  }
}

async function restart (pool, measured) {
  await answered(pool)
  while (!measured.isOver()) {
    const killed = now()
    process.kill(pool.last.child.pid, 'SIGKILL')
    await answered(pool)
    measured.add(killed)
  }
}

async function main ([workload, ...words]) {
  const given = {}
  for (let i = 0; i < words.length; i += 2) given[words[i]] = words[i + 1]
  if (workload !== 'request' && workload !== 'restart') process.exit(2)
  const workers = Number(given['--workers'])
  const pool = new Pool(given['--child'], workers)
  const measured = new Recorder(Number(given['--milliseconds']))
  if (workload === 'restart') await restart(pool, measured)
  else await Promise.all(Array.from({ length: workers }, () => client(pool, measured)))
  pool.ended = true
  fs.writeSync(1, JSON.stringify({
    library: 'Node child_process',
    version: process.versions.node,
    workload,
    unit: 'us',
    windows: measured.windows,
    samples: measured.samples
  }) + '\n')
  process.exit(0)
}

main(process.argv.slice(2)).catch(error => {
  console.error(`node: ${error.message}`)
  process.exit(1)
})
