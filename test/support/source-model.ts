/**
 * Reads a TypeScript source into the facts that the architecture rules ask about.
 *
 * It parses, so that comments, strings and layout cannot hide or fake a fact. It does not resolve
 * names or types: a forbidden global is known by its name, wherever that name is read as a value.
 */
import { parseSync } from '@swc/core'

export interface SourceFile {
  readonly path: string
  readonly text: string
}

interface ImportFact {
  /** The specifier as written, or nothing where it is computed. */
  readonly specifier: string | undefined
  /** True where nothing is loaded at run time. */
  readonly typeOnly: boolean
  readonly line: number
}

interface NamedFact {
  readonly name: string
  readonly line: number
}

interface FunctionFact extends NamedFact {
  readonly lines: number
}

export interface SourceModel extends SourceFile {
  readonly lines: number
  readonly imports: readonly ImportFact[]
  /** `name` and `owner.name` of every global-looking value that is read. */
  readonly reads: readonly NamedFact[]
  readonly functions: readonly FunctionFact[]
  readonly strings: readonly NamedFact[]
  /** Syntax that waits: async, await, for await. */
  readonly waits: readonly NamedFact[]
  /** Syntax that switches the type checker off. */
  readonly escapes: readonly NamedFact[]
}

type Node = Readonly<Record<string, unknown>>

interface Collected {
  readonly imports: ImportFact[]
  readonly reads: NamedFact[]
  readonly functions: FunctionFact[]
  readonly strings: NamedFact[]
  readonly waits: NamedFact[]
  readonly escapes: NamedFact[]
}

interface Reader {
  readonly lineAt: (offset: number) => number
  readonly facts: Collected
}

const FUNCTION_TYPES: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'PrivateMethod',
  'Constructor',
  'MethodProperty',
  'GetterProperty',
  'SetterProperty'
])

/** Fields that hold a name which is not read as a value. */
const NAME_FIELDS: ReadonlySet<string> = new Set([
  'key',
  'imported',
  'local',
  'orig',
  'exported',
  'label',
  'exprName',
  'typeName'
])

export function readSource(file: SourceFile): SourceModel {
  const text = file.text.startsWith('#!') ? `//${file.text.slice(2)}` : file.text
  // the empty statement in front tells where the parser starts to count
  const tsx = file.path.endsWith('.tsx')
  const module: unknown = parseSync(`;${text}`, { syntax: 'typescript', tsx, target: 'es2024' })
  if (!isNode(module)) throw new Error(`${file.path} gave no syntax tree`)
  const facts: Collected = {
    imports: [],
    reads: [],
    functions: [],
    strings: [],
    waits: [],
    escapes: []
  }
  const first = list(module['body'])[0]
  const base = first === undefined ? 1 : spanOf(first).start
  visit(module, '', { lineAt: lineFinder(text, base), facts })
  return { ...file, lines: lineCount(text), ...facts }
}

function visit(node: Node, field: string, reader: Reader): void {
  collect(node, field, reader)
  for (const [name, value] of Object.entries(node)) {
    if (name === 'property' && node['type'] === 'MemberExpression' && !isComputed(node)) continue
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) visit(item, name, reader)
    } else if (isNode(value)) visit(value, name, reader)
  }
}

function collect(node: Node, field: string, reader: Reader): void {
  const type = text(node['type'])
  const line = 'span' in node ? reader.lineAt(spanOf(node).start) : 0
  collectImport(node, type, line, reader)
  collectRead(node, type, field, line, reader)
  if (FUNCTION_TYPES.has(type)) {
    const lines = reader.lineAt(spanOf(node).end - 1) - line + 1
    reader.facts.functions.push({ name: nameOf(node), line, lines })
  }
  if (type === 'StringLiteral') reader.facts.strings.push({ name: text(node['value']), line })
  if (type === 'TemplateElement') reader.facts.strings.push({ name: text(node['raw']), line })
  if (node['async'] === true) reader.facts.waits.push({ name: 'async', line })
  if (type === 'AwaitExpression') reader.facts.waits.push({ name: 'await', line })
  if (type === 'TsKeywordType' && node['kind'] === 'any') {
    reader.facts.escapes.push({ name: 'any', line })
  }
  if (type === 'TsNonNullExpression') reader.facts.escapes.push({ name: '!', line })
}

function collectImport(node: Node, type: string, line: number, { facts }: Reader): void {
  const push = (source: unknown, typeOnly: boolean): void => {
    facts.imports.push({ specifier: literal(source), typeOnly, line })
  }
  switch (type) {
    case 'ImportDeclaration':
      push(node['source'], node['typeOnly'] === true || onlyTypes(list(node['specifiers'])))
      break
    case 'ExportNamedDeclaration':
      if (isNode(node['source'])) {
        push(node['source'], node['typeOnly'] === true || onlyTypes(list(node['specifiers'])))
      }
      break
    case 'ExportAllDeclaration':
      push(node['source'], node['typeOnly'] === true)
      break
    case 'TsImportType':
      push(node['argument'], true)
      break
    case 'TsExternalModuleReference':
      push(node['expression'], false)
      break
    case 'CallExpression':
      if (isImportCall(node)) push(argument(node), false)
      break
    case 'NewExpression':
      collectModuleUrl(node, line, facts)
      break
  }
}

/** `new URL('../x.ts', import.meta.url)` names a module as surely as an import does. */
function collectModuleUrl(node: Node, line: number, facts: Collected): void {
  if (!isIdentifier(node['callee'], 'URL')) return
  const specifier = literal(argument(node))
  if (specifier?.startsWith('.') && /\.[jt]s$/.test(specifier)) {
    facts.imports.push({ specifier, typeOnly: false, line })
  }
}

function collectRead(
  node: Node,
  type: string,
  field: string,
  line: number,
  { facts }: Reader
): void {
  if (type === 'Identifier' && !NAME_FIELDS.has(field)) {
    facts.reads.push({ name: text(node['value']), line })
  }
  const member = type === 'MemberExpression' ? memberName(node) : undefined
  if (member !== undefined) facts.reads.push({ name: member.replace(/^globalThis\./, ''), line })
  const isDate = isIdentifier(node['callee'], 'Date')
  if (isDate && (type === 'CallExpression' || argument(node) === undefined)) {
    facts.reads.push({ name: 'new Date', line })
  }
}

function memberName(node: Node): string | undefined {
  const owner = node['object']
  const property = node['property']
  if (!isNode(owner) || !isNode(property)) return undefined
  const name = isComputed(node) ? literal(property['expression']) : text(property['value'])
  if (name === undefined) return undefined
  if (owner['type'] === 'Identifier') return `${text(owner['value'])}.${name}`
  if (owner['type'] !== 'MemberExpression') return undefined
  const outer = memberName(owner)
  return outer?.startsWith('globalThis.') ? `${outer}.${name}` : undefined
}

function isImportCall(node: Node): boolean {
  const callee = node['callee']
  if (!isNode(callee)) return false
  if (callee['type'] === 'Import' || isIdentifier(callee, 'require')) return true
  const owner = callee['object']
  return callee['type'] === 'MemberExpression' && isNode(owner) && owner['type'] === 'MetaProperty'
}

function onlyTypes(specifiers: readonly Node[]): boolean {
  return specifiers.length > 0 && specifiers.every((one) => one['isTypeOnly'] === true)
}

function argument(node: Node): Node | undefined {
  const first = list(node['arguments'])[0]
  return first !== undefined && isNode(first['expression']) ? first['expression'] : undefined
}

function literal(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node['type'] === 'StringLiteral') return text(node['value'])
  const quasis = list(node['quasis'])
  const plain = node['type'] === 'TemplateLiteral' && quasis.length === 1
  return plain ? text(quasis[0]?.['cooked']) : undefined
}

function nameOf(node: Node): string {
  for (const field of ['identifier', 'key']) {
    const named = node[field]
    if (isNode(named) && typeof named['value'] === 'string') return named['value']
  }
  return 'anonymous function'
}

function isComputed(member: Node): boolean {
  const property = member['property']
  return isNode(property) && property['type'] === 'Computed'
}

function isIdentifier(node: unknown, name: string): boolean {
  return isNode(node) && node['type'] === 'Identifier' && node['value'] === name
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(value: unknown): readonly Node[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function spanOf(node: Node): { readonly start: number; readonly end: number } {
  const span = node['span']
  if (!isNode(span)) throw new Error(`a ${text(node['type'])} has no span`)
  return { start: Number(span['start']), end: Number(span['end']) }
}

/** Spans count UTF-8 bytes from `base`, where the one-byte empty statement stands. */
function lineFinder(source: string, base: number): (offset: number) => number {
  const bytes = new TextEncoder().encode(source)
  const lineOf = new Uint32Array(bytes.length + 1)
  let line = 1
  for (let at = 0; at < bytes.length; at += 1) {
    lineOf[at] = line
    if (bytes[at] === 10) line += 1
  }
  lineOf[bytes.length] = line
  return (offset) => lineOf[Math.min(Math.max(offset - base - 1, 0), bytes.length)] ?? line
}

function lineCount(source: string): number {
  return source.split('\n').length - (source.endsWith('\n') ? 1 : 0)
}
