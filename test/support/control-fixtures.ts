/**
 * One fixed body of every control message, every field used and every kind of question asked. The
 * golden bytes are made of these, so a change here is a change of the wire.
 */
import { type ControlAsk, type ControlFrame, type ControlWant, cidOfBytes } from '#contracts'
import { gateway, node, OUTPUT, SESSION, UNIT } from './document-fixtures.ts'
import { seed } from './mesh-fixtures.ts'

/** Every kind of question; a new one without a body here does not compile. */
export const WANTS: { readonly [T in ControlWant['t']]: Extract<ControlWant, { t: T }> } = {
  submit: {
    t: 'submit',
    request_id: 'request-1',
    graph: { inline: OUTPUT },
    inputs: { small: { inline: seed(3) }, large: { cid: cidOfBytes(seed(4)), bytes: 1_000_000 } },
    use_cache: false
  },
  follow: { t: 'follow', session: SESSION },
  result: { t: 'result', session: SESSION },
  cancel: { t: 'cancel', session: SESSION },
  replay: { t: 'replay', session: SESSION },
  bill: { t: 'bill', session: SESSION },
  explain: { t: 'explain', unit: UNIT.id },
  status: { t: 'status' }
}

export const ask = (want: ControlWant): ControlAsk => ({
  v: 1,
  id: 7,
  control: gateway.peerId,
  via: node.peerId,
  want
})

/** Every fixed message with the name of its golden bytes. */
export const controlFrames = (): { readonly name: string; readonly frame: ControlFrame }[] => [
  ...Object.entries(WANTS).map(
    ([kind, want]) =>
      ({ name: `control-ask-${kind}`, frame: { kind: 'ask', body: ask(want) } }) as const
  ),
  {
    name: 'control-answer-done',
    frame: {
      kind: 'answer',
      body: {
        v: 1,
        id: 7,
        end: {
          t: 'done',
          document: { inline: new TextEncoder().encode('{"session":"s"}') },
          files: [
            { name: 'text.json', part: { inline: OUTPUT } },
            { name: 'scores.npy', part: { cid: cidOfBytes(seed(6)), bytes: 600_000 } }
          ]
        }
      }
    }
  },
  {
    name: 'control-answer-refused',
    frame: {
      kind: 'answer',
      body: {
        v: 1,
        id: 8,
        end: {
          t: 'refused',
          code: 'graph.invalid',
          facts: { faults: 1, first: '/tasks/0 cycle', fatal: true, line: null },
          issues: [{ path: '/tasks/0', rule: 'cycle', message: 'a depends on itself' }]
        }
      }
    }
  },
  {
    name: 'control-progress',
    frame: {
      kind: 'progress',
      body: {
        v: 1,
        id: 7,
        units_done: 5,
        units_failed: 1,
        units_running: 2,
        units_waiting: 3,
        nodes: 4,
        spent_micro: 1_220,
        budget_micro: 2_400_000,
        task: 'transcribe'
      }
    }
  }
]
