/**
 * Exit codes of both commands, stable for scripts, and how a failure is shown. Formats only: the
 * commands print and exit.
 */
import { AssertionFailure, type ErrorCode, type Issue, MeshError } from './errors.ts'

/** 128 + SIGINT for an interrupted command is the shells' own convention. */
export const EXIT = {
  ok: 0,
  /** The work was done as asked and did not succeed: a session failed, a check found a fault. */
  failed: 1,
  /** The command line is wrong: unknown verb or flag, missing argument. */
  usage: 2,
  /** A file, graph, model or other input was refused. */
  bad_input: 3,
  /** Budget, admission or policy refused the work before it ran. */
  refused: 4,
  /** Something needed is not there: port in use, store locked, no node, nothing listening. */
  unavailable: 5,
  /** Our own mistake. */
  internal: 70,
  interrupted: 130
} as const
export type Exit = keyof typeof EXIT

/** Areas of error codes whose faults are not the input's. */
const EXIT_OF_AREA: Readonly<Record<string, Exit>> = {
  budget: 'refused',
  admission: 'refused',
  cli: 'usage',
  control: 'unavailable',
  executor: 'failed',
  identity: 'unavailable',
  lease: 'failed',
  ledger: 'unavailable',
  net: 'unavailable',
  node: 'unavailable',
  replay: 'failed',
  session: 'failed',
  store: 'unavailable',
  wire: 'unavailable'
}

/** Which exit code a failure means. */
export function exitOf(error: unknown): Exit {
  if (!(error instanceof MeshError)) return 'internal'
  const area = error.code.split('.', 1)[0] ?? ''
  return EXIT_OF_AREA[area] ?? 'bad_input'
}

/** A failure as data: what `--json` prints and what people read line by line. */
export interface FailureReport {
  readonly code: ErrorCode | 'internal'
  readonly message: string
  readonly hint: string
  readonly facts: MeshError['facts']
  readonly issues: readonly Issue[]
}

export function reportFailure(error: unknown): FailureReport {
  if (error instanceof MeshError) {
    const { code, hint, facts, issues = [] } = error
    return { code, message: factsText(facts), hint, facts, issues }
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const ours = error instanceof AssertionFailure ? 'a promise of the code was broken' : 'unexpected'
  return {
    code: 'internal',
    message: `${message} (${ours})`,
    hint: 'This is a defect of the program: please report it with the command and this text.',
    facts: {},
    issues: []
  }
}

/** The lines people see: the code and facts, every fault at its place, then what to do next. */
export function failureLines(report: FailureReport): string[] {
  const head = report.message === '' ? report.code : `${report.code}: ${report.message}`
  const faults = report.issues.map(
    ({ path, at, message, rule }) =>
      `  ${path === '' ? '/' : path}${at === undefined ? '' : ` (line ${at.line}, column ${at.column})`}: ${message} [${rule}]`
  )
  return [`error: ${head}`, ...faults, `next: ${report.hint}`]
}

const factsText = (facts: MeshError['facts']): string =>
  Object.entries(facts)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
