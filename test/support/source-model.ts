/**
 * Reads a TypeScript source into the facts that the architecture rules ask about.
 *
 * It works on syntax trees, so that comments, strings and layout cannot hide or fake a fact. It does
 * not resolve names or types: a forbidden global is known by its name, wherever that name is read as
 * a value.
 */
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import {
  isBindingElement,
  isCallExpression,
  isElementAccessExpression,
  isExportDeclaration,
  isExternalModuleReference,
  isFunctionDeclaration,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isMetaProperty,
  isMethodDeclaration,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  isTemplateHead,
  isTemplateMiddle,
  isTemplateTail
} from 'typescript/unstable/ast/is'
import { type SyntaxTree, syntaxTrees } from './syntax-trees.ts'

export interface SourceFile {
  readonly path: string
  readonly text: string
}

interface ImportFact {
  /** The specifier as written, or nothing where it is computed. */
  readonly specifier: string | undefined
  /** True where nothing is loaded at run time. */
  readonly typeOnly: boolean
  /** True where the module's address is named and nothing is loaded here: a child or a worker. */
  readonly address: boolean
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

interface Collected {
  readonly imports: ImportFact[]
  readonly reads: NamedFact[]
  readonly functions: FunctionFact[]
  readonly strings: NamedFact[]
  readonly waits: NamedFact[]
  readonly escapes: NamedFact[]
}

interface Reader {
  readonly tree: SyntaxTree
  readonly facts: Collected
}

/** Nodes whose children include a name that is not read as a value: a key, a type, a label. */
const NAMING: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertyAssignment,
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
  SyntaxKind.NamedTupleMember,
  SyntaxKind.JsxAttribute,
  SyntaxKind.BindingElement
])
const NOT_VALUES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.TypeReference,
  SyntaxKind.TypeQuery,
  SyntaxKind.QualifiedName,
  SyntaxKind.ImportType,
  SyntaxKind.ImportClause,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.NamespaceImport,
  SyntaxKind.ExportSpecifier,
  SyntaxKind.NamespaceExport,
  SyntaxKind.LabeledStatement,
  SyntaxKind.BreakStatement,
  SyntaxKind.ContinueStatement,
  SyntaxKind.MetaProperty
])

const WAITING: ReadonlyMap<SyntaxKind, string> = new Map([
  [SyntaxKind.AsyncKeyword, 'async'],
  [SyntaxKind.AwaitKeyword, 'for await'],
  [SyntaxKind.AwaitExpression, 'await']
])
const ESCAPING: ReadonlyMap<SyntaxKind, string> = new Map([
  [SyntaxKind.AnyKeyword, 'any'],
  [SyntaxKind.NonNullExpression, '!']
])

const models = new WeakMap<SourceFile, SourceModel>()

/** The model of each source, in the given order; a source that was read before is not read again. */
export function readSources(files: readonly SourceFile[]): readonly SourceModel[] {
  const unread = files.filter((file) => !models.has(file))
  const trees = unread.length === 0 ? [] : syntaxTrees(unread)
  for (const [index, tree] of trees.entries()) {
    const file = unread[index]
    if (file !== undefined) models.set(file, modelOf(file, tree))
  }
  return files.flatMap((file) => models.get(file) ?? [])
}

function modelOf(file: SourceFile, tree: SyntaxTree): SourceModel {
  const facts: Collected = {
    imports: [],
    reads: [],
    functions: [],
    strings: [],
    waits: [],
    escapes: []
  }
  visit(tree, tree, { tree, facts })
  const { text } = file
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { ...file, lines, ...facts }
}

function visit(node: Node, parent: Node, reader: Reader): void {
  collect(node, parent, reader)
  node.forEachChild((child) => visit(child, node, reader))
}

function collect(node: Node, parent: Node, { tree, facts }: Reader): void {
  const lineAt = (position: number): number => tree.getLineAndCharacterOfPosition(position).line + 1
  // asked for only where there is a fact: most nodes are none, and finding a line takes a scanner
  const line = (): number => lineAt(node.getStart(tree))
  collectImport(node, line, facts)
  collectRead(node, parent, line, facts)
  const word = WAITING.get(node.kind)
  if (word !== undefined) facts.waits.push({ name: word, line: line() })
  const escaped = ESCAPING.get(node.kind)
  if (escaped !== undefined) facts.escapes.push({ name: escaped, line: line() })
  const string = written(node)
  if (string !== undefined) facts.strings.push({ name: string, line: line() })
  if (isFunctionLikeDeclaration(node) && node.body !== undefined) {
    const named = isFunctionDeclaration(node) || isMethodDeclaration(node) ? node.name : undefined
    const name = named !== undefined && 'text' in named ? String(named.text) : 'a function'
    facts.functions.push({ name, line: line(), lines: lineAt(node.end - 1) - line() + 1 })
  }
}

function collectImport(node: Node, line: () => number, facts: Collected): void {
  const push = (source: Node | undefined, typeOnly: boolean): void => {
    facts.imports.push({ specifier: literal(source), typeOnly, address: false, line: line() })
  }
  if (isImportDeclaration(node)) {
    push(node.moduleSpecifier, node.importClause?.phaseModifier === SyntaxKind.TypeKeyword)
  } else if (isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    push(node.moduleSpecifier, node.isTypeOnly)
  } else if (isImportTypeNode(node)) {
    push(isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true)
  } else if (isExternalModuleReference(node)) push(node.expression, false)
  else if (isCallExpression(node) && isImportCall(node.expression)) push(node.arguments[0], false)
  else if (isNewExpression(node) && isNamed(node.expression, 'URL')) {
    // `new URL('../x.ts', import.meta.url)` names a module as surely as an import does
    const specifier = literal(node.arguments?.[0])
    if (specifier?.startsWith('.') && /\.[jt]sx?$/.test(specifier)) {
      facts.imports.push({ specifier, typeOnly: false, address: true, line: line() })
    }
  }
}

function isImportCall(callee: Node): boolean {
  if (callee.kind === SyntaxKind.ImportKeyword || isNamed(callee, 'require')) return true
  return isPropertyAccessExpression(callee) && isMetaProperty(callee.expression)
}

function collectRead(node: Node, parent: Node, line: () => number, facts: Collected): void {
  if (isIdentifier(node) && isRead(node, parent)) {
    facts.reads.push({ name: node.text, line: line() })
  }
  const member = memberName(node)
  if (member !== undefined) {
    facts.reads.push({ name: member.replace(/^globalThis\./, ''), line: line() })
  }
  const called = isCallExpression(node) && isNamed(node.expression, 'Date')
  const made = isNewExpression(node) && isNamed(node.expression, 'Date')
  if (called || (made && node.arguments?.[0] === undefined)) {
    facts.reads.push({ name: 'new Date', line: line() })
  }
}

function isRead(node: Node, parent: Node): boolean {
  if (NOT_VALUES.has(parent.kind)) return false
  if (isPropertyAccessExpression(parent)) return parent.expression === node
  if (isBindingElement(parent)) return parent.initializer === node
  return !(NAMING.has(parent.kind) && 'name' in parent && parent.name === node)
}

function memberName(node: Node): string | undefined {
  let name: string | undefined
  if (isPropertyAccessExpression(node)) name = node.name.text
  else if (isElementAccessExpression(node)) name = literal(node.argumentExpression)
  else return undefined
  if (name === undefined) return undefined
  if (isIdentifier(node.expression)) return `${node.expression.text}.${name}`
  const outer = memberName(node.expression)
  return outer?.startsWith('globalThis.') ? `${outer}.${name}` : undefined
}

function isNamed(node: Node, name: string): boolean {
  return isIdentifier(node) && node.text === name
}

function literal(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  const plain = isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)
  return plain ? node.text : undefined
}

/** The text of a string, or of one piece of a template. */
function written(node: Node): string | undefined {
  const piece = isTemplateHead(node) || isTemplateMiddle(node) || isTemplateTail(node)
  return piece ? node.text : literal(node)
}
