/**
 * The command `kora` as operators and scripts use it, in processes of their own; a data folder with
 * a model whose units take as long as their input says; and a graph that fans it out. Every process
 * is ended with the test.
 */
import { equal, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { Started, until } from './mesh-hosts.ts'
import { loopingModel } from './onnx-builder.ts'

const KORA = fileURLToPath(new URL('../../bin/kora.js', import.meta.url))
const KRAKO_NODE = fileURLToPath(new URL('../../bin/krako-node.js', import.meta.url))
/** Two busy cores and a cold start of several processes. */
export const PATIENCE_MS = 60_000

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** One run of a command, with what it has said so far. */
export class CommandRun {
  readonly child: ChildProcess
  out = ''
  err = ''

  constructor(command: string, words: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [command, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env }
    })
    this.child.stdout?.on('data', (part) => {
      this.out += String(part)
    })
    this.child.stderr?.on('data', (part) => {
      this.err += String(part)
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  async ended(): Promise<Ended> {
    if (!this.isOver) await once(this.child, 'close')
    return { code: this.child.exitCode, out: this.out, err: this.err }
  }

  /** The first line on the output, once it is whole. */
  async firstLine(): Promise<string> {
    await until(() => this.out.includes('\n') || this.isOver, 'a first line', PATIENCE_MS)
    ok(this.out.includes('\n'), this.err)
    return this.out.slice(0, this.out.indexOf('\n'))
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }
}

/**
 * Has `kora up` take ports of its own, at its first start and at later ones: another test would take the
 * usual ones while it is down. Below those that the system hands out, so that nobody dials from them.
 */
export function keepOwnPorts(data: string): void {
  const page = 20_000 + 2 * randomInt(6_000)
  writeFileSync(join(data, 'ports.json'), JSON.stringify({ page, peers: page + 1 }))
}

/** Both commands, started for one test file and ended with it. */
export class Commands {
  readonly #started: Started

  constructor(started: Started) {
    this.#started = started
  }

  kora(words: readonly string[], env: Readonly<Record<string, string>> = {}): CommandRun {
    return this.#started.add(new CommandRun(KORA, words, env), (one) => one.kill())
  }

  node(words: readonly string[]): CommandRun {
    return this.#started.add(new CommandRun(KRAKO_NODE, words, {}), (one) => one.kill())
  }

  ended(...words: readonly string[]): Promise<Ended> {
    return this.kora(words).ended()
  }

  /** The one JSON document of a command that ends well. */
  async json(...words: readonly string[]): Promise<unknown> {
    const { code, out, err } = await this.ended(...words, '--json')
    equal(code, 0, err)
    equal(out.trim().split('\n').length, 1)
    return JSON.parse(out)
  }

  /** `kora up` of a folder, ready; without the donate page, which few tests are about. */
  async up(data: string, ...more: readonly string[]): Promise<UpRun> {
    const run = this.kora(['up', '--no-page', '--json', '--data', data, ...more])
    return { run, ...UpLine.parse(JSON.parse(await run.firstLine())) }
  }

  /** A node of the mesh in `data`, ready, with a data folder of its own. */
  async join(up: UpRun, nodeData: string, ...more: readonly string[]): Promise<NodeRun> {
    const run = this.node([
      ...['start', '--json', '--mesh', up.mesh, '--data', nodeData],
      ...['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '1'],
      ...up.addresses.flatMap((address) => ['--bootstrap', address]),
      ...more
    ])
    return { run, ...ReadyLine.parse(JSON.parse(await run.firstLine())) }
  }
}

const UpLine = z.object({
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string()).min(1),
  url: z.string(),
  resumed: z.array(z.string())
})
export type UpRun = z.infer<typeof UpLine> & { readonly run: CommandRun }
const ReadyLine = z.object({ peer_id: z.string(), addresses: z.array(z.string()) })
export type NodeRun = z.infer<typeof ReadyLine> & { readonly run: CommandRun }

export const ResultDocument = z.object({
  session: z.string(),
  status: z.string(),
  stop_reason: z.string(),
  state_hash: z.string(),
  outputs: z.record(z.string(), z.unknown()),
  model_calls: z.number(),
  error: z.object({ code: z.string() }).nullable(),
  units: z.array(
    z.object({ unit: z.string(), task: z.string(), status: z.string(), attempts: z.number() })
  ),
  bill: z.object({ total_micro: z.number(), sum_micro: z.number() })
})

export const ErrorLine = z.object({
  error: z.object({
    code: z.string(),
    hint: z.string().min(1),
    facts: z.record(z.string(), z.unknown()),
    issues: z.array(z.object({ path: z.string(), rule: z.string(), message: z.string() }))
  })
})

/** The error that a command with `--json` ended with: its last word but for lines of its log. */
export function errorOf({ err }: Ended): z.infer<typeof ErrorLine>['error'] {
  for (const line of err.trim().split('\n').reverse()) {
    const read = line.startsWith('{"error":') ? ErrorLine.safeParse(JSON.parse(line)) : undefined
    if (read?.success === true) return read.data.error
  }
  throw new Error(`no error document on standard error: ${err}`)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // one that has ended and that nobody has waited for is no process any more
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** All processes below this one, found in /proc by their parents. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const own = text === '' ? [] : text.split(' ').map(Number)
    return own.flatMap((child) => [child, ...childrenOf(child)])
  } catch {
    return []
  }
}

/** Numbers as a .npy file, version 1.0. */
export function npy(descr: '<f4' | '<i8', numbers: readonly number[]): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${numbers.length},), }`
  const padded = `${header.padEnd(118 - 1)}\n`
  const data =
    descr === '<f4' ? Float32Array.from(numbers) : BigInt64Array.from(numbers, (one) => BigInt(one))
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([1, 0, 118, 0]),
    Buffer.from(padded, 'latin1'),
    Buffer.from(data.buffer)
  ])
}

export interface LoopGraph {
  readonly graph_id?: string
  readonly request_id?: string
  /** Beside what the graph says of the task `run`. */
  readonly run?: Readonly<Record<string, unknown>>
}

/** One unit for each number of `turns`; it takes that many turns of a loop. */
export function loopGraph({ graph_id = 'loops', run = {}, ...rest }: LoopGraph = {}): object {
  const load = (id: string) => ({
    id,
    type: 'deterministic',
    handler: 'tensor.load',
    input: { file: { $input: id }, format: 'npy' }
  })
  return {
    schema_version: 1,
    graph_id,
    ...rest,
    inputs: { turns: {}, x: {} },
    budgets: {
      max_model_calls: 1_000,
      max_tokens: 0,
      max_cost_micro: 10_000_000,
      max_latency_ms: 600_000
    },
    tasks: [
      load('turns'),
      load('x'),
      {
        id: 'parts',
        type: 'deterministic',
        handler: 'tensor.batch',
        input: { tensor: { $task: 'turns' }, size: 1 }
      },
      {
        id: 'run',
        type: 'model',
        model: 'looping',
        tier: 'small',
        fanout: { over: { $task: 'parts' } },
        input: { turns: { $item: true }, x: { $task: 'x' } },
        budget: { max_tokens: 0, max_time_ms: 120_000, max_cost_micro: 2_000, max_retries: 3 },
        ...run
      },
      {
        id: 'joined',
        type: 'aggregation',
        handler: 'tensor.concat',
        input: { tensors: { $task: 'run' }, key: 'y' }
      }
    ],
    outputs: { y: { $task: 'joined' } }
  }
}

/** A folder with the looping model's file, its graph and its inputs; gives the words that run it. */
export class LoopFiles {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    this.write('looping.onnx', loopingModel())
    this.write('one.npy', npy('<f4', [1]))
    this.write('few.npy', npy('<i8', [3]))
    this.write('golden.json', JSON.stringify({ turns: 'few.npy', x: 'one.npy' }))
    this.write('loops.json', JSON.stringify(loopGraph()))
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name)
    writeFileSync(path, content)
    return path
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** `kora models add` of the model into a data folder. */
  addWords(data: string): string[] {
    const golden = ['--golden', this.path('golden.json')]
    return ['models', 'add', this.path('looping.onnx'), ...golden, '--data', data]
  }

  /** Inputs for units of so many turns each. */
  inputWords(turns: readonly number[], name = 'turns.npy'): string[] {
    const file = this.write(name, npy('<i8', turns))
    return ['--input', `turns=${file}`, '--input', `x=${this.path('one.npy')}`]
  }
}

/** Commands, files and a data folder that has the looping model, for one test file. */
export interface LoopMesh {
  readonly started: Started
  readonly commands: Commands
  readonly files: LoopFiles
  readonly data: string
}

export async function loopMesh(): Promise<LoopMesh> {
  const started = new Started()
  const commands = new Commands(started)
  const files = new LoopFiles(await started.folder())
  const data = files.path('mesh')
  await commands.json(...files.addWords(data))
  return { started, commands, files, data }
}

/** More turns than anybody waits for. */
export const ENDLESS = 2 ** 40
