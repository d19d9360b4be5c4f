/**
 * Parses TypeScript sources with the compiler that the project has anyway, from memory.
 *
 * One compiler process serves a whole test run and ends with it. It resolves no import and checks no
 * type; a source with a syntax error is refused, for half a tree would hide what stands behind it.
 */
import type { SourceFile as SyntaxTree } from 'typescript/unstable/ast'
import { createVirtualFileSystem } from 'typescript/unstable/fs'
import { API } from 'typescript/unstable/sync'

export type { SyntaxTree }

interface Parser {
  readonly compiler: API
  readonly write: (path: string, content: string) => void
}

const OPTIONS = { noResolve: true, noLib: true, types: [], allowJs: true, jsx: 'preserve' }

let parser: Parser | undefined
let projects = 0

function startParser(): Parser {
  const files = createVirtualFileSystem({ '/empty.ts': '' })
  const write = (path: string, content: string): void => files.writeFile?.(path, content)
  return { compiler: new API({ cwd: '/', fs: files }), write }
}

/** One tree for each source, in the given order. */
export function syntaxTrees(
  sources: readonly { readonly path: string; readonly text: string }[]
): readonly SyntaxTree[] {
  parser ??= startParser()
  projects += 1
  const root = `/project-${projects}`
  const config = `${root}/tsconfig.json`
  const names = sources.map(({ path }) => `${root}/${path}`)
  for (const { path, text } of sources) parser.write(`${root}/${path}`, text)
  parser.write(config, JSON.stringify({ compilerOptions: OPTIONS, files: names }))
  const snapshot = parser.compiler.updateSnapshot({ openProjects: [config] })
  const program = snapshot.getProject(config)?.program
  if (program === undefined) throw new Error('the compiler opened no project')
  const [fault] = program.getSyntacticDiagnostics()
  if (fault !== undefined) throw new Error(`${fault.fileName ?? root}: ${fault.text}`)
  return names.map((name) => {
    const tree = program.getSourceFile(name)
    if (tree === undefined) throw new Error(`${name} gave no syntax tree`)
    return tree
  })
}
