/**
 * Strict YAML 1.2, core schema, with places: one document, no duplicate keys, no tags of its own, a
 * bounded number of aliases. What is no plain data (keys that are lists, cycles) is refused.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, visit } from 'yaml'
import { type Issue, YAML_ALIASES_MAX } from '#contracts'
import { nearest, type ReadText } from './json-text.ts'

type Document = ReturnType<typeof parseDocument>

/** Faults listed; the first few say what is wrong. */
const FAULTS_MAX = 20
/**
 * Brackets open at once in flow style; the composer recurses once per bracket, and a graph's values
 * may be 64 deep.
 */
const FLOW_DEPTH_MAX = 256

export function readYamlText(text: string): ReadText {
  if (flowDepth(text) > FLOW_DEPTH_MAX) return tooDeep()
  let document: Document
  try {
    document = parseDocument(text, {
      schema: 'core',
      version: '1.2',
      uniqueKeys: true,
      strict: true
    })
  } catch (error) {
    if (error instanceof RangeError) return tooDeep()
    throw error
  }
  const faults = [...document.errors, ...document.warnings].slice(0, FAULTS_MAX)
  if (faults.length > 0) {
    if (faults.some(({ message }) => message.startsWith(STACK_SPENT))) return tooDeep()
    const issues = faults.map(({ code, message }) => ({
      path: '',
      rule: code === 'DUPLICATE_KEY' ? 'duplicate_key' : 'yaml_malformed',
      message: message.split('\n', 1)[0]?.slice(0, 200) ?? ''
    }))
    const first = faults[0]?.pos[0] ?? 0
    return { plain: undefined, issues, locate: () => new Map([['', first]]) }
  }
  return readDocument(document)
}

function readDocument(document: Document): ReadText {
  const keys = keyFaults(document)
  const locate = (pointers: readonly string[]): ReadonlyMap<string, number> =>
    nearest(pointers, (pointer) => placeOf(document, pointer))
  if (keys.length > 0) return { plain: undefined, issues: keys, locate }
  try {
    return { plain: document.toJS({ maxAliasCount: YAML_ALIASES_MAX }), issues: [], locate }
  } catch (error) {
    if (error instanceof RangeError) return tooDeep()
    if (!(error instanceof ReferenceError)) throw error
    return unreadable('too_many_aliases', `aliases name more than ${YAML_ALIASES_MAX} nodes again`)
  }
}

/** How the parser reports that it recursed too deep: it catches the RangeError itself. */
const STACK_SPENT = 'Maximum call stack'
const tooDeep = (): ReadText => unreadable('too_deep', 'nested deeper than any graph')

function unreadable(rule: string, message: string): ReadText {
  return { plain: undefined, issues: [{ path: '', rule, message }], locate: () => new Map() }
}

/** Brackets open at once, strings and comments included: an upper bound is enough. */
function flowDepth(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x5d || code === 0x7d) depth = Math.max(0, depth - 1)
  }
  return deepest
}

function keyFaults(document: Document): Issue[] {
  const issues: Issue[] = []
  visit(document, {
    Pair(_key, { key }) {
      if (isScalar(key) && typeof key.value !== 'object') return
      issues.push({ path: '', rule: 'key_not_text', message: 'a key is a word, not a collection' })
      return issues.length < FAULTS_MAX ? undefined : visit.BREAK
    }
  })
  return issues
}

/** Offset of a member's key or of an item; -1 where the pointer leads nowhere. */
function placeOf(document: Document, pointer: string): number {
  let node: Node | null = document.contents
  let place = 0
  for (const raw of pointer.slice(1).split('/')) {
    const part = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    if (isAlias(node)) node = node.resolve(document) ?? null
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      if (pair === undefined) return -1
      place = pair.key.range?.[0] ?? -1
      node = pair.value
    } else if (isSeq<Node>(node)) {
      const item: Node | undefined = node.items[Number(part)]
      if (item === undefined) return -1
      place = item.range?.[0] ?? -1
      node = item
    } else return -1
  }
  return place
}
