/** Planted bugs of probation: whose word is taken, what a conviction takes back, and who does it again. */
import type { Mutant } from './mutant.ts'

const gateway = (file: string) => `mesh-node/core/gateway/${file}.ts`

export const TRUST_MUTANTS: readonly Mutant[] = [
  {
    name: 'convict-keeps-escrow',
    bug: 'a conviction takes no pay back',
    file: 'ledger/fold/escrow.ts',
    anchor: '    this.#payBack(session, unit, row)\n    // the last who stood for it',
    replacement: '    // the last who stood for it'
  },
  {
    name: 'reopening-lost',
    bug: 'a unit for which nobody stands any more is not opened again',
    file: 'ledger/fold/escrow.ts',
    anchor: '    if (!isAgain || !money.attempts.hasCanonical(unit)) return\n',
    replacement: '    if (!isAgain || money.attempts.hasCanonical(unit)) return\n'
  },
  {
    name: 'reopened-for-one-only',
    bug: "a unit is opened again only where the one whose result is the unit's is convicted last",
    file: 'ledger/fold/escrow.ts',
    anchor: '    if (!isAgain || !money.attempts.hasCanonical(unit)) return\n',
    replacement: '    if (!isAgain || !money.attempts.isCanonical(unit, row)) return\n'
  },
  {
    name: 'recheck-by-same-owner',
    bug: 'a unit is done again by an owner who did it before',
    file: gateway('rechecks'),
    anchor: '    return lease.node !== node && known !== owner\n',
    replacement: '    return lease.node !== node || known !== owner\n'
  },
  {
    name: 'pair-of-one-owner',
    bug: 'a result is compared with that of the same owner',
    file: gateway('trust-placement'),
    anchor: '    node !== first && ownerOf(node) !== owner && fits(seeker, node)',
    replacement: "    node !== first && ownerOf(node) !== '' && owner !== '' && fits(seeker, node)"
  },
  {
    name: 'agreed-forgotten',
    bug: 'after a restart only the first of those who gave a result is known',
    file: gateway('restore'),
    anchor: '    if (attempt === canonical) unit.canonical = lease\n',
    replacement:
      '    if (attempt === canonical) unit.canonical = lease\n    else unit.leases.pop()\n'
  },
  {
    name: 'withdrawn-and-kept',
    bug: 'who gave a refuted result keeps its pay',
    file: 'ledger/fold/escrow.ts',
    anchor: '    if (isHeld) this.#payBack(session, unit, row)\n',
    replacement: ''
  },
  {
    name: 'cost-not-given-back',
    bug: 'the session goes on as if it had paid what came back from escrow',
    file: gateway('budget'),
    anchor: '  session.postedMicro -= micro\n  root.costMicro -= micro\n',
    replacement: '  session.postedMicro += micro\n  root.costMicro -= micro\n'
  },
  {
    name: 'recheck-never-ends',
    bug: 'a unit that is done again and confirmed is being done again for ever',
    file: gateway('rechecks'),
    anchor: '  unit.recheck = null\n}',
    replacement: '}'
  }
]
