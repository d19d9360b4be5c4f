/** The minutes of a tab as a page draws them. */
import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { HistoryBook } from '../../browser-node/tab/history-book.ts'

const MINUTE_MS = 60_000

describe('the history of a tab', () => {
  it('gives another list after each change, and leaves those it gave as they were', () => {
    const book = new HistoryBook([])
    book.add(MINUTE_MS, { units: 1 })
    const first = book.points()
    equal(book.points(), first)
    book.add(MINUTE_MS + 1, { units: 1 })
    book.add(2 * MINUTE_MS, { units: 5 })
    notEqual(book.points(), first)
    deepEqual(
      first.map(({ units }) => units),
      [1]
    )
    deepEqual(
      book.points().map(({ units }) => units),
      [2, 5]
    )
  })
})
