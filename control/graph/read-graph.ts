/**
 * From bytes to a TaskGraph: size, then UTF-8, then YAML or JSON, then shape, then rules. Refuses with
 * every fault listed, each with its path and, where the text has it, its line and column. Reads no
 * files and runs nothing.
 */
import {
  checkGraph,
  GRAPH_BYTES_MAX,
  type GraphRuleOptions,
  ISSUES_MAX,
  type Issue,
  MeshError,
  shapeIssues,
  TaskGraph
} from '#contracts'
import { schemaFaults } from '../verify/schema.ts'
import { type ReadText, readJsonText } from './json-text.ts'
import { checkPlainData } from './plain-data.ts'
import { salvageGraph } from './salvage.ts'
import { readYamlText } from './yaml-text.ts'

export interface ReadGraphOptions {
  /** Where absent: text that begins with `{` or `[` is JSON, any other is YAML. */
  readonly format?: 'json' | 'yaml'
  readonly limits?: GraphRuleOptions['limits']
  /** The largest text that is read. */
  readonly bytesMax?: number
}

/** Reads a graph's text, or throws `graph.invalid` with every fault. */
export function readGraph(bytes: Uint8Array, options: ReadGraphOptions = {}): TaskGraph {
  const text = textOf(bytes, options.bytesMax ?? GRAPH_BYTES_MAX)
  const format = options.format ?? (/^\s*[[{]/.test(text) ? 'json' : 'yaml')
  const read = format === 'json' ? readJsonText(text) : readYamlText(text)
  if (read.issues.length > 0) throw invalid(read.issues, { text, read })
  const result = checkedGraph(read.plain, options)
  if (Array.isArray(result)) throw invalid(result, { text, read })
  return result
}

/** The same for data that is plain already: a request's body, a graph that code has built. */
export function parseGraph(plain: unknown, options: ReadGraphOptions = {}): TaskGraph {
  const result = checkedGraph(plain, options)
  if (Array.isArray(result)) throw invalid(result, null)
  return result
}

function textOf(bytes: Uint8Array, bytesMax: number): string {
  if (bytes.length > bytesMax) {
    const message = `${bytes.length} bytes of ${bytesMax}`
    throw invalid([{ path: '', rule: 'too_large', message }], null)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid([{ path: '', rule: 'not_utf8', message: 'the text is not UTF-8' }], null)
  }
}

function checkedGraph(plain: unknown, { limits }: ReadGraphOptions): TaskGraph | Issue[] {
  const unsafe = checkPlainData(plain)
  if (unsafe.length > 0) return unsafe
  const rules: GraphRuleOptions = { schemaFaults, ...(limits === undefined ? {} : { limits }) }
  const shape = TaskGraph.safeParse(plain)
  if (shape.success) {
    const faults = checkGraph(shape.data, rules)
    return faults.length === 0 ? shape.data : faults
  }
  const faults = shapeIssues(shape.error)
  const salvaged = salvageGraph(plain)
  if (salvaged === null) return faults
  const more = checkGraph(salvaged.graph, rules)
  return [...faults, ...more.filter(({ path, rule }) => salvaged.isTrue(path, rule))]
}

function invalid(
  faults: readonly Issue[],
  source: { text: string; read: ReadText } | null
): MeshError {
  const issues = faults.slice(0, ISSUES_MAX)
  const placed = source === null ? issues : withPlaces(issues, source)
  const first = placed[0]
  const facts = { faults: faults.length, first: `${first?.path} ${first?.message}`.trim() }
  return new MeshError('graph.invalid', facts, { issues: placed })
}

function withPlaces(
  issues: readonly Issue[],
  { text, read }: { text: string; read: ReadText }
): Issue[] {
  const places = read.locate(issues.map(({ path }) => path))
  return issues.map((issue) => {
    const offset = places.get(issue.path)
    return offset === undefined ? issue : { ...issue, at: lineOf(text, offset) }
  })
}

function lineOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const lastBreak = before.lastIndexOf('\n')
  return { line: before.split('\n').length, column: offset - lastBreak }
}
