/** The ways between states: each that the tables allow is taken, every other one stops the program. */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import {
  AssertionFailure,
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  isTerminal,
  moveExecution,
  moveNode,
  moveSession,
  NODE_STATES,
  NODE_TRANSITIONS,
  SESSION_STATES,
  SESSION_TRANSITIONS,
  TERMINAL_EXECUTION_STATES
} from '#contracts'

/** Tries every pair of states, each with itself included. */
function checkMoves<State extends string>(
  states: readonly State[],
  table: Readonly<Record<State, readonly State[]>>,
  move: (from: State, to: State) => State
): void {
  let refused = 0
  for (const from of states) {
    for (const to of states) {
      if (table[from].includes(to)) {
        equal(move(from, to), to)
      } else {
        throws(() => move(from, to), AssertionFailure, `${from} to ${to}`)
        refused++
      }
    }
  }
  ok(refused > states.length)
}

/** All states that can be reached from one. */
function reachable<State extends string>(
  from: State,
  table: Readonly<Record<State, readonly State[]>>
): Set<State> {
  const seen = new Set<State>([from])
  for (const state of seen) for (const next of table[state]) seen.add(next)
  return seen
}

describe('the states of sessions, executions and nodes', () => {
  it('allow a session its table and assert on every other move', () => {
    checkMoves(SESSION_STATES, SESSION_TRANSITIONS, moveSession)
  })

  it('allow an execution its table and assert on every other move', () => {
    checkMoves(EXECUTION_STATES, EXECUTION_TRANSITIONS, moveExecution)
  })

  it('allow a node its table and assert on every other move', () => {
    checkMoves(NODE_STATES, NODE_TRANSITIONS, moveNode)
  })

  it('can all be reached from the first', () => {
    deepEqual(reachable('initialized', SESSION_TRANSITIONS).size, SESSION_STATES.length)
    deepEqual(reachable('queued', EXECUTION_TRANSITIONS).size, EXECUTION_STATES.length)
    deepEqual(reachable('unregistered', NODE_TRANSITIONS).size, NODE_STATES.length)
  })

  it('end: no execution or session leaves an end, and each can still come to one', () => {
    const ends = ['success', 'failed', 'timeout', 'cancelled']
    deepEqual([...TERMINAL_EXECUTION_STATES], ends)
    for (const state of EXECUTION_STATES) {
      equal(isTerminal(state), ends.includes(state))
      ok([...reachable(state, EXECUTION_TRANSITIONS)].some(isTerminal), state)
    }
    for (const state of SESSION_STATES) {
      const left = [...reachable(state, SESSION_TRANSITIONS)]
      ok(
        left.some((at) => SESSION_TRANSITIONS[at].length === 0),
        state
      )
    }
  })

  it('let a lost lease go back to ready, and nothing but a grant make a unit dispatched', () => {
    equal(moveExecution('dispatched', 'ready'), 'ready')
    equal(moveExecution('running', 'ready'), 'ready')
    const before = EXECUTION_STATES.filter((from) =>
      EXECUTION_TRANSITIONS[from].includes('dispatched')
    )
    deepEqual(before, ['ready'])
  })

  it('let no success be taken back, and a removed node register again', () => {
    for (const to of EXECUTION_STATES) throws(() => moveExecution('success', to), AssertionFailure)
    equal(moveNode('removed', 'registered'), 'registered')
    throws(() => moveNode('removed', 'active'), AssertionFailure)
  })
})
