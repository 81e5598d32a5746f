#!/usr/bin/env node
// Node: child_process.spawn().

'use strict'

const fs = require('fs')
const { spawn } = require('child_process')
const { parseArgs } = require('util')

const BATCH_SIZE = 512
const CAPTURED_BYTES = 65536
const WARM_UP_RUNS = 3

const microseconds = since => Number(process.hrtime.bigint() - since) / 1e3
const now = () => process.hrtime.bigint()
const start = (...args) => spawn(options.child, args, { stdio: 'ignore' })
const startPiped = (file, ...args) => spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] })

const exited = child => new Promise(resolve => child.on('exit', resolve))

function ensure (condition, message) {
  if (!condition) throw new Error(message)
}

async function expectSuccess (child) {
  ensure(await exited(child) === 0, 'the child failed')
}

async function measure (action) {
  const samples = []
  for (let i = 0; i < WARM_UP_RUNS + options.count; ++i) samples.push(await action())
  return samples.slice(WARM_UP_RUNS)
}

async function runOne () {
  const begin = now()
  await expectSuccess(start())
  return microseconds(begin)
}

async function holdOnce () {
  const begin = now()
  const child = start()
  const elapsed = microseconds(begin)
  await expectSuccess(child)
  return elapsed
}

async function captureOnce () {
  const begin = now()
  const child = startPiped(options.child, 'write', String(CAPTURED_BYTES))
  const pieces = []
  child.stdout.on('data', piece => pieces.push(piece))
  const code = await new Promise(resolve => child.on('close', resolve))
  const output = Buffer.concat(pieces)
  const elapsed = microseconds(begin)
  ensure(code === 0 && output.length === CAPTURED_BYTES, 'output was lost')
  return elapsed
}

async function killOne () {
  const child = start('pause')
  // It shall sleep, not start, when the signal comes.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  const begin = now()
  const exit = exited(child)
  process.kill(child.pid, 'SIGKILL')
  await exit
  return microseconds(begin)
}

async function inflight () {
  const batch = Math.min(options.count, BATCH_SIZE)
  const samples = []
  for (let i = 0; i < Math.floor(options.count / batch); ++i) {
    let left = batch
    const work = async () => {
      while (left-- > 0) await expectSuccess(start())
    }
    const begin = now()
    await Promise.all(Array.from({ length: options.inflight }, work))
    samples.push(microseconds(begin) / batch)
  }
  return samples
}

async function bulk () {
  const samples = []
  for (let i = 0; i < options.count; ++i) {
    const begin = now()
    const child = startPiped('/usr/bin/head', '-c', String(options.bytes), '/dev/zero')
    let total = 0
    child.stdout.on('data', piece => { total += piece.length })
    const code = await new Promise(resolve => child.on('close', resolve))
    ensure(code === 0 && total === options.bytes, 'output was lost')
    samples.push(total / microseconds(begin) * 1e6 / 2 ** 30)
  }
  return samples
}

async function amongLive (action) {
  const crowd = Array.from({ length: options.live }, () => start('pause'))
  const samples = await measure(action)
  for (const member of crowd) process.kill(member.pid, 'SIGKILL')
  return samples
}

const workloads = {
  sequential: () => measure(runOne),
  inflight,
  hold: () => measure(holdOnce),
  capture: () => measure(captureOnce),
  bulk,
  live: () => amongLive(killOne),
  live_spawn: () => amongLive(runOne)
}

const options = {
  child: '', count: 100, inflight: 64, 'resident-mib': 0, 'open-fds': 0, live: 100, bytes: 2 ** 30
}

function parse (words) {
  const known = Object.keys(options).map(name => [name, { type: 'string' }])
  for (const [name, value] of Object.entries(parseArgs({
    args: words, options: Object.fromEntries(known)
  }).values)) {
    options[name] = name === 'child' ? value : Number(value)
  }
}

// What it returns must be kept. Node raises the limit of descriptors by itself.
function occupy () {
  const memory = []
  for (let left = options['resident-mib']; left > 0; left -= 256) {
    memory.push(Buffer.alloc(Math.min(left, 256) * 2 ** 20, 1))
  }
  for (let i = 0; i < options['open-fds']; ++i) fs.openSync('/dev/null', 'r')
  return memory
}

async function main ([workload, ...words]) {
  if (workload === '--list') return console.log(Object.keys(workloads).join('\n'))
  if (!Object.hasOwn(workloads, workload)) {
    console.error('node: unknown workload')
    process.exit(2)
  }
  parse(words)
  globalThis.occupied = occupy()
  const samples = await workloads[workload]()
  fs.writeSync(1, JSON.stringify({
    library: 'Node',
    version: process.versions.node,
    workload,
    unit: workload === 'bulk' ? 'GiB/s' : 'us',
    samples
  }) + '\n')
  process.exit(0)
}

main(process.argv.slice(2)).catch(error => {
  console.error(`node: ${error.message}`)
  process.exit(1)
})
