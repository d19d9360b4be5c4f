/**
 * Runs a commander program as both commands do: one place for exit codes, for how failures are
 * shown (lines for people, one JSON line with `--json`), and for Ctrl-C. Running ends no process; the
 * caller does with `endProcess`, so that pending output is written.
 */
import { type Command, CommanderError } from 'commander'
import { EXIT, type Exit, exitOf, failureLines, MeshError, reportFailure } from '#contracts'
import { diskError } from '../store/store-folder.ts'

/** Where a command writes. `out` is for results, `err` for progress, logs and failures. */
export interface Io {
  out(line: string): void
  err(line: string): void
  /** Whether people watch `err`: live progress is drawn only then. */
  readonly live: boolean
  readonly columns: number
}

export const processIo: Io = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  get live() {
    return process.stderr.isTTY === true
  },
  get columns() {
    return process.stderr.columns ?? 80
  }
}

/** What every command gets beside its own options. */
export interface CommandContext {
  readonly io: Io
  /** Aborted by the first Ctrl-C or SIGTERM; a second one stops the process at once. */
  readonly signal: AbortSignal
}

/**
 * Parses and runs; gives the exit code. `build` gets the context and a way for actions to report
 * an outcome other than `ok`.
 */
export async function runProgram(
  build: (context: CommandContext, settle: (outcome: Exit) => void) => Command,
  argv: readonly string[],
  io: Io = processIo
): Promise<number> {
  const abort = new AbortController()
  const release = onInterrupt(abort)
  // stays: a pipe breaks when the last write fails, which may be after the program has run
  if (!process.stdout.listeners('error').includes(onBrokenPipe)) {
    process.stdout.on('error', onBrokenPipe)
  }
  let outcome: Exit = 'ok'
  const program = build({ io, signal: abort.signal }, (exit) => {
    outcome = exit
  })
  strict(program, io)
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    outcome = showFailure(error, { io, json: argv.includes('--json') })
  } finally {
    release()
  }
  const interrupted = abort.signal.aborted && outcome !== 'ok'
  return EXIT[interrupted ? 'interrupted' : outcome]
}

/** What native code of WebRTC may take to be gone after all is closed; it holds the process for ever. */
const END_MS = 2_000

/** Ends with this code when nothing runs any more and what was written is out, native code or not. */
export function endProcess(code: number): void {
  process.exitCode = code
  const end = (): void => {
    if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit(code)
  }
  setInterval(end, END_MS).unref()
}

/** Unknown verbs and flags are errors with a suggestion; help and errors go where they belong. */
function strict(program: Command, io: Io): void {
  for (const command of [program, ...descendants(program)]) {
    command
      .exitOverride()
      .showSuggestionAfterError(true)
      .showHelpAfterError(false)
      .allowExcessArguments(false)
      .configureOutput({
        writeOut: (text) => io.out(text.trimEnd()),
        writeErr: () => {}
      })
  }
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((inner) => [inner, ...descendants(inner)])
}

/** What the system refused is nobody's defect, wherever it was asked. */
function typedFailure(error: unknown): unknown {
  if (error instanceof MeshError || !(error instanceof Error) || !('code' in error)) return error
  const path = 'path' in error && typeof error.path === 'string' ? error.path : ''
  // what was named on the command line is in the way, and not in a store
  if (error.code === 'ENOTDIR' || error.code === 'EISDIR')
    return new MeshError('store.unwritable', { path, reason: error.message }, { cause: error })
  return error.code === 'EEXIST' ? error : diskError(error, path)
}

function showFailure(thrown: unknown, { io, json }: { io: Io; json: boolean }): Exit {
  if (thrown instanceof CommanderError) return showUsage(thrown, { io, json })
  const error = typedFailure(thrown)
  const report = reportFailure(error)
  if (json) io.err(JSON.stringify({ error: report }))
  else for (const line of failureLines(report)) io.err(line)
  if (report.code === 'internal' && error instanceof Error && !json) io.err(error.stack ?? '')
  return exitOf(error)
}

function showUsage(error: CommanderError, { io, json }: { io: Io; json: boolean }): Exit {
  if (error.exitCode === 0) return 'ok'
  if (error.code === 'commander.help') return 'usage'
  const message = error.message.replace(/^error: /, '').replace(/\n/g, ' ')
  const failure = new MeshError('cli.usage', { message })
  if (json) io.err(JSON.stringify({ error: { ...reportFailure(failure), message } }))
  else for (const line of [`error: cli.usage: ${message}`, `next: ${failure.hint}`]) io.err(line)
  return 'usage'
}

/** Whoever read the output has enough, as `| head` has: stop without a word. */
function onBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(EXIT.ok)
}

/** First signal: ask to stop. Second: stop now, with the shells' code. */
function onInterrupt(abort: AbortController): () => void {
  const stop = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted)
    abort.abort(new MeshError('cli.interrupted'))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** Rows under headings, columns as wide as their content; numbers to the right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[]
): string[] {
  const cells = [headings, ...rows.map((row) => row.map(String))]
  const widths = headings.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0))
  )
  const right = headings.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number')
  )
  return cells.map((row) =>
    row
      .map((cell, column) =>
        right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
      )
      .join('  ')
      .trimEnd()
  )
}
