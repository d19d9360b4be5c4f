/** What a node's record is worth, outcome by outcome: no arena, no chance. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { PROBATION_DEFAULTS, type ProbationSettings, Standings } from '#ledger'

const { calm, hostile, clearAt, faultWeight } = PROBATION_DEFAULTS

class Book {
  readonly standings: Standings<number>
  #unit = 0

  constructor(nodes: number, settings: ProbationSettings = PROBATION_DEFAULTS) {
    this.standings = new Standings(settings)
    for (let node = 0; node < nodes; node++) this.standings.add()
  }

  alone(node: number): number {
    this.#unit += 1
    this.standings.accepted(node, this.#unit)
    return this.#unit
  }

  agree(a: number, b: number, times = 1): void {
    for (let time = 0; time < times; time++) {
      const unit = this.alone(a)
      this.standings.accepted(b, unit)
    }
  }

  wrong(node: number, times = 1): readonly number[] {
    const again: number[] = []
    for (let time = 0; time < times; time++) {
      this.#unit += 1
      again.push(...this.standings.refuted(node, this.#unit))
    }
    return again
  }
}

/** Wrong results running that convict a newcomer. */
const CONVICTING = Math.ceil(calm.convictAt / faultWeight)

describe('the standing of a node', () => {
  it('lets its word count once enough of its results were confirmed', () => {
    const book = new Book(2)
    book.agree(0, 1, calm.passesFirst - 1)
    equal(book.standings.isProven(0), false)
    book.agree(0, 1)
    equal(book.standings.isProven(0), true)
    equal(book.standings.isProven(1), true)
  })

  it('asks for more the more was taken on its word', () => {
    const book = new Book(2)
    book.agree(0, 1, calm.passesFirst)
    for (let unit = 0; unit < 3; unit++) book.alone(0)
    equal(book.standings.isProven(0), false)
  })

  it('confirms what was taken on its word when another gives the same', () => {
    const book = new Book(2)
    book.agree(0, 1, calm.passesFirst)
    const units = [book.alone(0), book.alone(0), book.alone(0)]
    for (const unit of units) book.standings.accepted(1, unit)
    equal(book.standings.isProven(0), true)
  })

  it('offers for a recheck only what nobody else gave', () => {
    const book = new Book(2)
    book.agree(0, 1, calm.passesFirst)
    equal(book.standings.pastToCheck(0, 7), null)
    const unit = book.alone(0)
    equal(book.standings.pastToCheck(0, 0), unit)
  })

  it('makes a suspect of a proven node at its first wrong result, and clears it again', () => {
    const book = new Book(2)
    book.agree(0, 1, faultWeight)
    deepEqual(book.wrong(0), [])
    equal(book.standings.isSuspect(0), true)
    equal(book.standings.isProven(0), false)
    book.agree(0, 1, clearAt - 1)
    equal(book.standings.isSuspect(0), true)
    book.agree(0, 1)
    equal(book.standings.isSuspect(0), false)
    equal(book.standings.isProven(0), true)
  })

  it('re-opens what a convicted node alone stood for, and nothing that another confirmed', () => {
    const book = new Book(2)
    book.agree(0, 1, 3)
    const alone = [book.alone(0), book.alone(0)]
    deepEqual(book.wrong(0, CONVICTING), alone)
    equal(book.standings.convictionsOf(0), 1)
    deepEqual(book.standings.owedTo(0), [])
    equal(book.standings.owedTo(1).length, 3)
  })

  it('bans nobody: a convicted node can be believed again after a longer proof', () => {
    const book = new Book(2)
    book.wrong(0, CONVICTING)
    book.agree(0, 1, calm.passesFirst)
    equal(book.standings.isProven(0), false)
    book.agree(0, 1, calm.passesFirst)
    equal(book.standings.isProven(0), true)
  })

  it('makes a result final after so many checks of its node, and never takes it back then', () => {
    const book = new Book(2)
    const first = book.alone(0)
    book.agree(0, 1, calm.clearAfter)
    ok(!book.standings.supports(0, first))
    ok(!book.wrong(0, CONVICTING + 2).includes(first))
  })
})

describe('the mood of a mesh', () => {
  const convicted = (book: Book, nodes: number): void => {
    for (let node = 2; node < nodes + 2; node++) book.wrong(node, CONVICTING)
  }
  const enough = Math.ceil(PROBATION_DEFAULTS.hostileAt / 4)

  it('turns hostile at some convictions, and asks everybody for a longer record', () => {
    const book = new Book(enough + 2)
    book.agree(0, 1, calm.passesFirst)
    convicted(book, enough - 1)
    equal(book.standings.stage, 'calm')
    book.wrong(enough + 1, CONVICTING)
    equal(book.standings.stage, 'hostile')
    equal(book.standings.isProven(0), false)
    book.agree(0, 1, hostile.passesFirst - calm.passesFirst)
    equal(book.standings.isProven(0), true)
  })

  it('calms down after enough passed checks', () => {
    const book = new Book(enough + 2, { ...PROBATION_DEFAULTS, alarmPasses: 20 })
    convicted(book, enough)
    book.agree(0, 1, 9)
    equal(book.standings.stage, 'hostile')
    book.agree(0, 1)
    equal(book.standings.stage, 'calm')
  })

  it('spends on checks within its budget', () => {
    const { standings } = new Book(50)
    ok(standings.mayCheck(49, 0))
    ok(!standings.mayCheck(50, 0))
    ok(standings.mayCheck(750, 1_000_000))
    ok(!standings.mayCheck(750 + 7_000, 1_000_000))
  })

  it('has the longest calm proof for each of few nodes, however little work there is', () => {
    const few = new Book(3).standings
    ok(few.mayCheck(3 * calm.passesMax - 1, 0))
    ok(!few.mayCheck(3 * calm.passesMax, 0))
    ok(new Book(0).standings.mayCheck(0, 0), 'the first may be checked before anybody is known')
  })

  it('tells after how many checks what a node gave is final', () => {
    const book = new Book(2)
    equal(book.standings.finalAfter(0), null)
    book.agree(0, 1)
    deepEqual(book.standings.finalAfter(0), {
      first: calm.clearAfter - 1,
      all: calm.clearAfter - 1
    })
    book.agree(0, 1, 4)
    deepEqual(book.standings.finalAfter(0), {
      first: calm.clearAfter - 5,
      all: calm.clearAfter - 1
    })
  })
})

describe('standings', () => {
  const outcome = fc.record({ node: fc.nat(4), other: fc.nat(4), right: fc.boolean() })

  it('are equal for equal outcomes, and re-open no unit that is supported', () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 400 }), (outcomes) => {
        const [a, b] = [new Book(5), new Book(5)]
        for (const { node, other, right } of outcomes) {
          for (const book of [a, b]) {
            if (!right) {
              const again = book.wrong(node)
              ok(
                again.every((unit) =>
                  [0, 1, 2, 3, 4].every((n) => !book.standings.supports(n, unit))
                )
              )
            } else if (node === other) book.alone(node)
            else book.agree(node, other)
          }
        }
        const view = ({ standings }: Book) =>
          [0, 1, 2, 3, 4].map((node) => [standings.turnOf(node), standings.owedTo(node)])
        deepEqual(view(a), view(b))
        equal(a.standings.stage, b.standings.stage)
      })
    )
  })
})
