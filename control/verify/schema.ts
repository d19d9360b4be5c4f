/**
 * JSON Schema, draft 2020-12, for schemas and values that strangers wrote. Schemas are bounded in size
 * and depth, remote references are never fetched, and what could take long runs under a time limit.
 * Formats are notes, as the draft has it, and are not checked.
 */
import { cpuUsage } from 'node:process'
import { createContext, runInContext } from 'node:vm'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import {
  encodeCanonical,
  type Issue,
  type JsonSchema,
  SCHEMA_BYTES_MAX,
  SCHEMA_RUN_MS_MAX,
  SCHEMAS_COMPILED_MAX
} from '#contracts'

/** Faults of a value; empty: it fits. */
export type SchemaCheck = (value: unknown) => readonly Issue[]

/** Keywords whose cost is not linear in schema and value: patterns, references, pairwise comparison. */
const COSTLY = /"(?:pattern|patternProperties|\$ref|\$dynamicRef|uniqueItems|contains)":/
/** However busy the machine is, nobody waits longer than about twice this. */
const CLOCK_MS_MAX = 16 * SCHEMA_RUN_MS_MAX
/** Any value is run under the limit when it is as large as this. */
const LARGE_JSON_CHARS = 65_536

/** One compiler per schema, so that an `$id` in one cannot stand for another. */
function newCompiler(needsMeta: boolean): Ajv2020 {
  return new Ajv2020({
    strict: false,
    validateFormats: false,
    validateSchema: false,
    addUsedSchema: false,
    inlineRefs: false,
    ownProperties: true,
    meta: needsMeta,
    logger: false
  })
}

let metaSchema: ValidateFunction | undefined

/** What is wrong with a schema, in words; empty: it can be used. */
export function schemaFaults(schema: JsonSchema): readonly string[] {
  const compiled = compile(schema)
  return typeof compiled === 'string' ? [compiled] : []
}

const compiledByText = new Map<string, SchemaCheck | string>()
const compiledByObject = new WeakMap<object, SchemaCheck | string>()

/** The check that a schema stands for, or what is wrong with it. Kept for the next time. */
export function compile(schema: JsonSchema): SchemaCheck | string {
  if (typeof schema === 'boolean') {
    const never = [{ path: '', rule: 'false schema', message: 'nothing fits the schema false' }]
    return () => (schema ? [] : never)
  }
  const known = compiledByObject.get(schema)
  if (known !== undefined) return known
  const text = JSON.stringify(schema)
  let compiled = compiledByText.get(text)
  if (compiled === undefined) {
    compiled = compileNew(schema, text)
    const oldest = compiledByText.keys().next().value
    if (compiledByText.size >= SCHEMAS_COMPILED_MAX && oldest !== undefined)
      compiledByText.delete(oldest)
    compiledByText.set(text, compiled)
  }
  compiledByObject.set(schema, compiled)
  return compiled
}

function compileNew(schema: object, text: string): SchemaCheck | string {
  try {
    if (encodeCanonical(schema).length > SCHEMA_BYTES_MAX)
      return `the schema is larger than ${SCHEMA_BYTES_MAX} bytes`
    if (/"\$async":/.test(text)) return 'the keyword $async is not taken'
    metaSchema ??= newCompiler(true).getSchema('https://json-schema.org/draft/2020-12/schema')
    if (metaSchema !== undefined && metaSchema(schema) !== true)
      return describe(metaSchema.errors?.[0])
    const validate = limited(() => newCompiler(text.includes('json-schema.org')).compile(schema))
    if (validate === null) return 'the schema takes too long to compile'
    return checkWith(validate, COSTLY.test(text))
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).slice(0, 200)
  }
}

function describe(error: { instancePath: string; message?: string } | undefined): string {
  return `${error?.instancePath ?? ''} ${error?.message ?? 'is no schema'}`.trim()
}

function checkWith(validate: ValidateFunction, isCostly: boolean): SchemaCheck {
  return (value) => {
    const fits =
      isCostly || isLarge(value) ? limited(() => validate(value)) : unlimited(validate, value)
    if (fits === true) return []
    if (fits === null)
      return [{ path: '', rule: 'too_costly', message: 'the schema takes too long or too deep' }]
    return (validate.errors ?? []).map(({ instancePath, keyword, message }) => ({
      path: instancePath,
      rule: keyword,
      message: message ?? 'does not fit'
    }))
  }
}

/** What is too deep to be written is as costly as what is long. */
function isLarge(value: unknown): boolean {
  try {
    return (JSON.stringify(value)?.length ?? 0) > LARGE_JSON_CHARS
  } catch (error) {
    if (error instanceof RangeError) return true
    throw error
  }
}

function unlimited(validate: ValidateFunction, value: unknown): boolean | null {
  try {
    return validate(value) === true
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

const sandbox: { work: () => unknown } = { work: () => null }
const context = createContext(sandbox)

/** The error belongs to the context, so it is no instance of our own `Error`. */
const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'

/**
 * Runs within SCHEMA_RUN_MS_MAX of processor time, regular expressions included; null: it took longer,
 * or too deep. A timeout by the clock alone would call sound results bad on a busy machine, so where
 * the clock ran out and the processor's time did not, the work is tried again for twice as long.
 */
function limited<T>(work: () => T): T | null {
  for (let timeout = SCHEMA_RUN_MS_MAX; timeout <= CLOCK_MS_MAX; timeout *= 2) {
    const before = cpuUsage()
    const ended = within(work, timeout)
    if (ended !== 'late') return ended.result
    const { user, system } = cpuUsage(before)
    if (user + system >= SCHEMA_RUN_MS_MAX * 1_000) return null
  }
  return null
}

function within<T>(work: () => T, timeout: number): { readonly result: T | null } | 'late' {
  let result: T | null = null
  sandbox.work = () => {
    result = work()
  }
  try {
    runInContext('work()', context, { timeout })
  } catch (error) {
    if (isTimeout(error)) return 'late'
    if (error instanceof RangeError) return { result: null }
    throw error
  } finally {
    sandbox.work = () => null
  }
  return { result }
}
