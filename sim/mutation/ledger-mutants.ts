/** Planted bugs of the ledger: what the fold takes, what it pays, and what a replica believes. */
import type { Mutant } from './mutant.ts'

export const LEDGER_MUTANTS: readonly Mutant[] = [
  {
    name: 'prev-not-checked',
    bug: 'an entry need not follow the one before it',
    file: 'ledger/incoming.ts',
    anchor: '    if (!equalBytes(entry.prev, hash)) {\n',
    replacement: '    if (entry.prev.length === 0) {\n'
  },
  {
    name: 'head-not-compared',
    bug: 'the signed head may be of other entries',
    file: 'ledger/incoming.ts',
    anchor:
      "  if (!equalBytes(hash, head.hash)) throw broken(head, head.seq, 'the head is of another entry')\n",
    replacement: ''
  },
  {
    name: 'gap-not-seen',
    bug: 'entries may be missing in the middle',
    file: 'ledger/incoming.ts',
    anchor: "    if (entry.seq !== next) throw broken(head, next, 'an entry is missing')\n",
    replacement: '    next = entry.seq\n    hash = entry.prev\n'
  },
  {
    name: 'log-not-compared',
    bug: 'entries of one log are taken for another',
    file: 'ledger/incoming.ts',
    anchor:
      "    if (entry.log !== head.log) throw broken(head, entry.seq, 'the entry is of another log')\n",
    replacement: ''
  },
  {
    name: 'head-not-reached',
    bug: 'entries may end before their head',
    file: 'ledger/incoming.ts',
    anchor:
      "  if (next - 1 !== head.seq) throw broken(head, next, 'the entries do not reach the head')\n  if (!equalBytes",
    replacement: '  if (next - 1 === head.seq && !equalBytes'
  },
  {
    name: 'held-prefix-refused',
    bug: 'entries that are held already are taken for a gap',
    file: 'ledger/incoming.ts',
    anchor: '    if (entry.seq < next && entries.length === 0) continue\n',
    replacement: ''
  },
  {
    name: 'own-batch-forgotten',
    bug: 'what was received is stored and not folded',
    file: 'ledger/ledger.ts',
    anchor: '      for (const one of prepared) this.#fold.apply(one)\n',
    replacement: '      if (isOwn) for (const one of prepared) this.#fold.apply(one)\n'
  },
  {
    name: 'fork-not-seen',
    bug: 'two heads of one length are taken for one',
    file: 'ledger/ledger.ts',
    anchor: '    if (offered.seq === held.seq && equalBytes(offered.hash, held.hash)) return\n',
    replacement: '    if (offered.seq === held.seq) return\n'
  },
  {
    name: 'fork-seen-everywhere',
    bug: 'an older head of the same log is taken for a fork',
    file: 'ledger/ledger.ts',
    anchor: '    if (raw !== undefined && equalBytes(sha256(raw), offered.hash)) return\n',
    replacement: ''
  },
  {
    name: 'settled-twice',
    bug: 'an attempt that was paid can be given back as well',
    file: 'ledger/fold/money.ts',
    anchor: "    if (this.attempts.state(row) !== ATTEMPT.reserved) return 'reservation_settled'\n",
    replacement: ''
  },
  {
    name: 'attempt-reserved-twice',
    bug: 'one attempt may reserve money again and again',
    file: 'ledger/fold/money.ts',
    anchor: "      if (this.attempts.find(unit, attempt) !== NO_ROW) return 'attempt_known'\n",
    replacement: ''
  },
  {
    name: 'over-budget-folded',
    bug: 'the fold lets a session reserve more than its budget',
    file: 'ledger/fold/money.ts',
    anchor:
      "    if (max_micro > session.body.max_cost_micro - held) return 'over_session_budget'\n",
    replacement: ''
  },
  {
    name: 'receipt-of-another',
    bug: 'the receipt of one node pays another',
    file: 'ledger/fold/money.ts',
    anchor: "    if (this.#nodes.get(receipt.node) !== node) return 'node_mismatch'\n",
    replacement: ''
  },
  {
    name: 'lease-not-compared',
    bug: 'the receipt of one lease pays another',
    file: 'ledger/fold/money.ts',
    anchor: "    if (receipt.lease !== lease) return 'lease_mismatch'\n",
    replacement: ''
  },
  {
    name: 'two-canonical-results',
    bug: 'two results may stand for one unit',
    file: 'ledger/fold/money.ts',
    anchor:
      "    if (item.canonical && this.attempts.hasCanonical(item.unit)) return 'canonical_twice'\n",
    replacement: ''
  },
  {
    name: 'rest-not-returned',
    bug: 'what was reserved above the price stays reserved in the session',
    file: 'ledger/fold/money.ts',
    anchor: '    session.reservedMicro -= reserved\n    session.postedMicro += price.total_micro\n',
    replacement:
      '    session.reservedMicro -= price.total_micro\n    session.postedMicro += price.total_micro\n'
  },
  {
    name: 'one-micro-made',
    bug: 'whoever is paid gets a micro-credit more than was debited',
    file: 'ledger/fold/accounts.ts',
    anchor:
      '    add(this.#debitsPosted, debit, micro)\n    add(this.#creditsPosted, credit, micro)\n',
    replacement:
      '    add(this.#debitsPosted, debit, micro)\n    add(this.#creditsPosted, credit, micro < 1_000 ? micro + 1 : micro)\n'
  },
  {
    name: 'one-micro-too-dear',
    bug: 'every attempt costs a micro-credit more',
    file: 'ledger/fold/accounts.ts',
    anchor: '    this.transfer(debit, credit, posted)\n',
    replacement: '    this.transfer(debit, credit, posted + (posted < reserved ? 1 : 0))\n'
  },
  {
    name: 'rounded-up',
    bug: 'half a micro-credit is always rounded up',
    file: 'ledger/fold/price.ts',
    anchor: '  return quotient + (quotient % 2)\n',
    replacement: '  return quotient + 1\n'
  },
  {
    name: 'claimed-time-paid',
    bug: 'a node is paid for the time that it says, not for what the model costs',
    file: 'ledger/fold/price.ts',
    anchor: 'return Math.min(calibrated, claimed)',
    replacement: 'return claimed'
  },
  {
    name: 'closed-session-pays',
    bug: 'a session that was closed may still reserve and pay',
    file: 'ledger/fold/fold.ts',
    anchor: "    if (session === null || session.state === 'running') return session\n",
    replacement: '    if (session !== null) return session\n'
  },
  {
    name: 'blamed-without-proof',
    bug: 'a fault counts against a node without its own receipt',
    file: 'ledger/fold/fold.ts',
    anchor: '    const isProven = receipt !== null && this.#money.proves(item, receipt) === null\n',
    replacement: '    const isProven = true\n'
  }
]
