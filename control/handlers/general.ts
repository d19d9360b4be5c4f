/**
 * Small general handlers on lists and maps, so that graphs need no code for plumbing.
 */
import { isValueList, isValueMap, type Value } from '#contracts'
import { Arguments, type Handler } from './handler.ts'

/** RFC 6901: `~1` is a slash, `~0` a tilde; the empty pointer is the whole value. */
function pick(given: Arguments, value: Value, pointer: string): Value {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) throw given.fault('pointer', 'a JSON pointer such as /lines/0/text')
  let at: Value = value
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    let inner: Value | undefined
    if (isValueList(at)) inner = /^(0|[1-9]\d{0,8})$/.test(key) ? at[Number(key)] : undefined
    else if (isValueMap(at)) inner = Object.hasOwn(at, key) ? at[key] : undefined
    if (inner === undefined) throw given.fault('pointer', `"${key.slice(0, 80)}" to be there`)
    at = inner
  }
  return at
}

const jsonPick: Handler = {
  version: 1,
  summary: '{from, pointer} → the value at the JSON pointer',
  run(args) {
    const given = new Arguments('json.pick', args, ['from', 'pointer'])
    return pick(given, given.value('from'), given.text('pointer'))
  }
}

/** The list that an item is, or that stands in it under `key`. */
function innerList(given: Arguments, item: Value, key: string | undefined): readonly Value[] {
  const inner = key !== undefined && isValueMap(item) ? (item[key] ?? null) : item
  if (isValueList(inner)) return inner
  throw given.fault(
    'lists',
    key === undefined ? 'a list of lists' : `a list under "${key}" in each`
  )
}

const listConcat: Handler = {
  version: 1,
  summary: '{lists, key?} → one list; `key` names the list inside each item',
  run(args) {
    const given = new Arguments('list.concat', args, ['lists', 'key'])
    const key = given.has('key') ? given.text('key') : undefined
    return given.list('lists').flatMap((item) => [...innerList(given, item, key)])
  }
}

const listLength: Handler = {
  version: 1,
  summary: '{list} → how many items',
  run(args) {
    const given = new Arguments('list.length', args, ['list'])
    return given.list('list').length
  }
}

const listPick: Handler = {
  version: 1,
  summary: '{list, pointer} → the value at the JSON pointer of each item',
  run(args) {
    const given = new Arguments('list.pick', args, ['list', 'pointer'])
    const pointer = given.text('pointer')
    return given.list('list').map((item) => pick(given, item, pointer))
  }
}

const echo: Handler = {
  version: 1,
  summary: 'any value → the same value: for tests, benchmarks and joins without change',
  run: (args) => args
}

export const GENERAL_HANDLERS = {
  'json.pick': jsonPick,
  'list.concat': listConcat,
  'list.length': listLength,
  'list.pick': listPick,
  'value.echo': echo
} as const satisfies Record<string, Handler>
