/** Reading a graph's text: what is refused, under which rule, at which line. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { MeshError } from '#contracts'
import { parseGraph, readGraph } from '#control'

const bytes = (text: string) => new TextEncoder().encode(text)
const BUDGETS = 'budgets: {max_tokens: 1, max_latency_ms: 1, max_cost_micro: 1, max_model_calls: 1}'
const HEAD = `schema_version: 1\ngraph_id: g\n${BUDGETS}\noutputs: {}\n`
const TASK = 'tasks:\n  - {id: a, type: deterministic, handler: value.echo}\n'

function issuesOf(work: () => unknown) {
  try {
    work()
  } catch (error) {
    ok(error instanceof MeshError && error.code === 'graph.invalid', String(error))
    return error.issues ?? []
  }
  return []
}
const faultsOf = (text: string, options = {}) =>
  issuesOf(() => readGraph(bytes(text), options)).map(
    ({ path, rule, at }) => `${at?.line ?? '-'}:${at?.column ?? '-'} ${path} ${rule}`
  )

describe('reading a graph', () => {
  it('takes YAML and JSON alike', () => {
    const graph = readGraph(bytes(HEAD + TASK))
    equal(graph.tasks[0]?.id, 'a')
    deepEqual(readGraph(bytes(JSON.stringify(graph))), graph)
    deepEqual(parseGraph(graph), graph)
  })

  it('names line and column of shape faults', () => {
    deepEqual(
      faultsOf(`${HEAD}tasks:\n  - id: a\n    type: soup\n    handler: x\n    extra: 1\n`),
      ['7:5 /tasks/0/type invalid_value', '9:5 /tasks/0/extra unknown_key']
    )
  })

  it('names line and column in JSON', () => {
    const text = '{\n "schema_version": 2,\n "tasks": []\n}'
    ok(faultsOf(text).includes('2:2 /schema_version invalid_value'), faultsOf(text).join('\n'))
  })

  it('lists faults of shape and of rules in one reading', () => {
    const text = `${HEAD}tasks:
  - {id: a, type: deterministic, handler: value.echo, dependencies: [b]}
  - {id: b, type: deterministic, handler: value.echo, dependencies: [a, ghost]}
  - {id: c, type: soup}
  - {id: c, type: deterministic, handler: value.echo, input: {x: {$input: nope}}}
`
    const rules = faultsOf(text).map((fault) => fault.split(' ').at(-1))
    deepEqual(rules.sort(), [
      'cycle',
      'duplicate_id',
      'invalid_value',
      'unknown_dependency',
      'unknown_input'
    ])
  })

  it('says nothing of rules that the broken part alone could break', () => {
    deepEqual(faultsOf(`${HEAD}inputs: 3\n${TASK.replace('}', ', input: {x: {$input: i}}}')}`), [
      '5:1 /inputs invalid_type'
    ])
  })

  it('refuses an unknown version, negative and missing budgets', () => {
    const broken = `schema_version: 9\ngraph_id: g\noutputs: {}\nbudgets: {max_tokens: -1, max_latency_ms: 1, max_cost_micro: 1.5}\n${TASK}`
    deepEqual(faultsOf(broken), [
      '1:1 /schema_version invalid_value',
      '4:11 /budgets/max_tokens too_small',
      '4:46 /budgets/max_cost_micro invalid_type',
      '4:1 /budgets/max_model_calls invalid_type'
    ])
  })

  it('refuses a schema that is none, and one that reaches for the network', () => {
    const schemas = ['{type: soup}', '{$ref: "https://example.com/x.json"}']
    for (const schema of schemas) {
      const text = `${HEAD}tasks:\n  - {id: a, type: deterministic, handler: value.echo, schema: ${schema}}\n`
      deepEqual(faultsOf(text), ['6:55 /tasks/0/schema schema_invalid'])
    }
  })

  it('takes 8 MiB and refuses 9 MiB unread', () => {
    const [issue] = issuesOf(() => readGraph(new Uint8Array(9 * 1024 * 1024)))
    equal(issue?.rule, 'too_large')
    const padded = bytes(JSON.stringify(parseGraph(readGraph(bytes(HEAD + TASK)))))
    const full = new Uint8Array(8 * 1024 * 1024).fill(0x20)
    full.set(padded)
    equal(readGraph(full).graph_id, 'g')
  })

  const HOSTILE: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'bytes that are not UTF-8': [Uint8Array.of(0x61, 0x3a, 0xff), 'not_utf8'],
    'a UTF-8 surrogate': [Uint8Array.of(0xed, 0xa0, 0x80), 'not_utf8'],
    'an escaped half of a surrogate pair': [bytes('{"graph_id": "\\ud800"}'), 'not_unicode'],
    'YAML aliases that explode': [
      bytes(
        `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
          .split('')
          .map((name, place) => {
            const before = 'abcdefg'[place]
            return `${name}: &${name} [${new Array(9).fill(`*${before}`).join(',')}]`
          })
          .join('\n')}\n`
      ),
      'too_many_aliases'
    ],
    'an alias to itself': [bytes('a: &a [*a]\n'), 'too_deep'],
    'a key that stands twice in YAML': [bytes('a: 1\na: 2\n'), 'duplicate_key'],
    'a key that stands twice in JSON': [bytes('{"a": 1, "\\u0061": 2}'), 'duplicate_key'],
    'two YAML documents': [bytes('a: 1\n---\nb: 2\n'), 'yaml_malformed'],
    'a YAML tag of its own': [bytes('a: !!js/function "x"\n'), 'yaml_malformed'],
    'a YAML key that is a list': [bytes('? [a, b]\n: 1\n'), 'key_not_text'],
    'a prototype for everyone': [bytes('{"__proto__": {"admin": true}}'), 'unsafe_key'],
    'a million brackets of JSON': [bytes('['.repeat(1e6) + ']'.repeat(1e6)), 'too_deep'],
    'a million brackets of YAML': [bytes(`a: ${'['.repeat(1e6)}`), 'too_deep'],
    'ten thousand levels of YAML': [bytes(`${'- '.repeat(10_000)}x`), 'too_deep'],
    'JSON that breaks off': [bytes('{"a": '), 'json_malformed'],
    nothing: [new Uint8Array(0), 'invalid_type']
  }
  for (const [what, [text, rule]] of Object.entries(HOSTILE)) {
    it(`refuses ${what}`, () => {
      const [issue] = issuesOf(() => readGraph(text))
      equal(issue?.rule, rule, JSON.stringify(issue))
    }).timeout(30_000)
  }

  it('reads none of a graph as something else', () => {
    throws(() => parseGraph(new Map()), { code: 'graph.invalid' })
    throws(() => parseGraph(null), { code: 'graph.invalid' })
  })

  it('refuses collections as keys in YAML', () => {
    deepEqual(
      faultsOf(`${HEAD}${TASK}? [a, b]\n: 1\n`).map((fault) => fault.split(' ').at(-1)),
      ['key_not_text']
    )
  })

  it('finds the place of a fault behind an alias', () => {
    const text = `${HEAD}tasks:\n  - &first {id: a, type: soup, handler: x}\n  - *first\n`
    const faults = faultsOf(text)
    ok(
      faults.some((fault) => fault === '6:20 /tasks/0/type invalid_value'),
      faults.join('\n')
    )
    ok(
      faults.some((fault) => fault === '6:20 /tasks/1/type invalid_value'),
      faults.join('\n')
    )
  })
})
