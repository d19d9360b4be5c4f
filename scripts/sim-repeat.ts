/**
 * Runs one seed of the real fidelity again and again, and fails at the first trace that differs:
 * `npm run sim:repeat -- [runs] [nodes] [seed] [units] [at once]`. With units, gateway and agents work
 * too. Each run is a process of its own; on a machine with many cores several go at once.
 */
import { DEFAULT_REAL_OPTIONS, runReal } from '../sim/real/index.ts'

const [runs = 100, nodes = 100, seed = 1, units = 0, atOnce = 1] = process.argv.slice(2).map(Number)
const work = units > 0 ? { units, serviceMs: 200, quorumEvery: 5 } : null
let first: string | null = null
let begun = 0

async function repeat(): Promise<void> {
  while (begun < runs) {
    const run = ++begun
    const report = await runReal({ ...DEFAULT_REAL_OPTIONS, nodes, seed, work })
    const { trace_hash, wall_ms, trace_events, rss_mb, ledger_digest, violations } = report
    const digest = ledger_digest === null ? '' : ` ledger ${ledger_digest.slice(0, 16)}`
    console.log(
      `${run}/${runs} ${trace_hash.slice(0, 16)} ${trace_events} events ${wall_ms} ms ${rss_mb} MB${digest}`
    )
    first ??= `${trace_hash}${ledger_digest}`
    if (violations.length > 0) throw new Error(`seed ${seed}: ${violations.join('; ')}`)
    if (first !== `${trace_hash}${ledger_digest}`)
      throw new Error(`seed ${seed}: run ${run} differs`)
  }
}

await Promise.all(Array.from({ length: atOnce }, repeat))
console.log(`${runs} runs of seed ${seed} with ${nodes} nodes: one trace`)
