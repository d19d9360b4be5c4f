/**
 * Bounds on plain data before anything recurses over it: depth, size after aliases are followed, text
 * that is Unicode, keys that are safe. Iterative; says nothing of what the data means.
 */
import { GRAPH_BYTES_MAX, type Issue, pointerOf, VALUE_DEPTH_MAX } from '#contracts'

/** A text of the largest size has fewer values than this: more come only from aliases. */
const NODES_MAX = GRAPH_BYTES_MAX / 2
/** Faults listed. */
const FAULTS_MAX = 20

interface Open {
  readonly value: unknown
  readonly path: string
  readonly depth: number
}

/** Faults of the data; empty: recursion over it is safe and every text can be encoded. */
export function checkPlainData(plain: unknown): Issue[] {
  const issues: Issue[] = []
  const fault = (path: string, rule: string, message: string): void => {
    if (issues.length < FAULTS_MAX) issues.push({ path: path.slice(0, 500), rule, message })
  }
  const open: Open[] = [{ value: plain, path: '', depth: 0 }]
  let nodes = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path, depth } = next
    if (++nodes > NODES_MAX) {
      fault('', 'too_large', `more than ${NODES_MAX} values once aliases are followed`)
      return issues
    }
    if (typeof value === 'string' && !value.isWellFormed())
      fault(path, 'not_unicode', 'the text has half of a surrogate pair')
    if (typeof value !== 'object' || value === null) continue
    if (depth >= VALUE_DEPTH_MAX) {
      fault(path, 'too_deep', `nested deeper than ${VALUE_DEPTH_MAX}`)
      continue
    }
    for (const [key, inner] of Object.entries(value)) {
      const innerPath = path + pointerOf([key])
      if (!key.isWellFormed()) fault(path, 'not_unicode', 'a key has half of a surrogate pair')
      else if (key === '__proto__') fault(innerPath, 'unsafe_key', 'this key is not taken')
      else open.push({ value: inner, path: innerPath, depth: depth + 1 })
    }
  }
  return issues
}
