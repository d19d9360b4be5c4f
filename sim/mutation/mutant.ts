/**
 * A planted bug: one piece of one source file, and what stands there in its place. It is applied as the
 * file is loaded, in a process that does nothing else; the tree itself is never changed. A piece that is
 * not there exactly once is an error: a mutant that no longer bites must not pass for one that was killed.
 * Imports nothing of the product, so that all of it can still be loaded with the bug in it.
 */

export interface Mutant {
  readonly name: string
  /** What is wrong with the product then, in a few words. */
  readonly bug: string
  /** Path from the project's root. */
  readonly file: string
  /** As it stands in the file, once. */
  readonly anchor: string
  readonly replacement: string
}

/** The source with the bug in it. Throws where the anchor is not there exactly once. */
export function patched(source: string, { name, file, anchor, replacement }: Mutant): string {
  const [before = '', after, more] = source.split(anchor)
  if (after === undefined) throw new Error(`mutant ${name}: its anchor is not in ${file} any more`)
  if (more !== undefined) throw new Error(`mutant ${name}: its anchor is in ${file} more than once`)
  return before + replacement + after
}
