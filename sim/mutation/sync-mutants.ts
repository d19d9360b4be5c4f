/** Planted bugs of the sync machine, its driver, and what a replica makes of what it is sent. */
import type { Mutant } from './mutant.ts'

const MACHINE = 'ledger/sync/sync-machine.ts'
const ASKING = 'ledger/sync/asking.ts'
const HELD = 'ledger/sync/held-heads.ts'
const DRIVER = 'ledger/sync/sync-driver.ts'

export const SYNC_MUTANTS: readonly Mutant[] = [
  {
    name: 'sync-digest-once',
    bug: 'digests are compared when a link opens, and never again',
    file: MACHINE,
    anchor: '    this.#timerAtMs = null\n',
    replacement: '    this.#timerAtMs = Number.POSITIVE_INFINITY\n'
  },
  {
    name: 'sync-log-stays-busy',
    bug: 'a log that was asked for once is asked for of nobody else',
    file: ASKING,
    anchor: '    if (this.#busy.get(log) === by) this.#busy.delete(log)\n',
    replacement: ''
  },
  {
    name: 'sync-held-unheard',
    bug: 'the machine does not hear what is stored',
    file: MACHINE,
    anchor: '        this.#held.set(input.head)\n',
    replacement: ''
  },
  {
    name: 'sync-other-head-passed-over',
    bug: 'a head of our own length that is another is taken for ours',
    file: HELD,
    anchor: 'const isOther = held?.seq === seq && !equalBytes(held.hash, hash)',
    replacement: 'const isOther = held?.seq === seq && hash.length === 0'
  },
  {
    name: 'sync-fork-blamed-on-its-bearer',
    bug: 'a fork between logs of two lengths is taken for a fault of who brings it',
    file: 'ledger/incoming.ts',
    anchor: '      if (held === undefined || entries.length > 0) {\n',
    replacement: '      if (held === undefined || entries.length >= 0) {\n'
  },
  {
    name: 'fork-told-to-nobody',
    bug: 'whoever finds a fork keeps it to itself',
    file: DRIVER,
    anchor: '      ledger.forks.onFork((fork) => this.#forked(fork))\n',
    replacement: '      ledger.forks.onFork(() => undefined)\n'
  },
  {
    name: 'fork-told-once',
    bug: 'who did not hear of a fork when it was found is never told',
    file: 'ledger/sync/fork-talk.ts',
    anchor: '    for (let at = 0; at < logs.length; at += SYNC_FORKS_PER_FRAME) {\n',
    replacement: '    for (let at = 0; at < 0; at += SYNC_FORKS_PER_FRAME) {\n'
  },
  {
    name: 'fork-of-one-head',
    bug: 'one head twice is taken for a fork',
    file: 'ledger/fork-proof.ts',
    anchor: '    if (equalBytes(one.hash, other.hash)) throw',
    replacement: '    if (one.hash.length === 0) throw'
  },
  {
    name: 'fork-of-what-follows',
    bug: 'a head that goes on from the other is taken for a fork',
    file: 'ledger/fork-proof.ts',
    anchor: '    if (hash === null && follows) throw',
    replacement: '    if (hash === null && raws.length === 0) throw'
  },
  {
    name: 'fork-forgotten',
    bug: 'after a restart nobody forked',
    file: 'ledger/store/chain-check.ts',
    anchor: '      conflicts.set(place.log, proof.length)\n',
    replacement: ''
  },
  {
    name: 'fork-goes-on',
    bug: 'more is taken of an author that is known to have said two things',
    file: 'ledger/ledger.ts',
    anchor: '    if (this.forks.has(head.log)) throw conflict(head)\n',
    replacement: ''
  },
  {
    name: 'sync-own-log-alone',
    bug: 'a replica serves its own log and no other',
    file: DRIVER,
    anchor: '      const fits = bundle !== null &&',
    replacement: '      const fits = bundle !== null && log === this.#ports.ledger.sequencerLog &&'
  },
  {
    name: 'replica-forgets-the-head',
    bug: 'a batch is stored without the head that ends it',
    file: 'ledger/store/log-store.ts',
    anchor:
      "    puts.push({ type: 'put', key: keys.key(KEY.head, head.seq), value: head.bytes })\n",
    replacement: ''
  },
  {
    name: 'accuses-older-heads',
    bug: 'a head that is older than ours is taken for a fork',
    file: 'ledger/ledger.ts',
    anchor: '    if (raw !== undefined && equalBytes(sha256(raw), offered.hash)) return\n',
    replacement: ''
  }
]
