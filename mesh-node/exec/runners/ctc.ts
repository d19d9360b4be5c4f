/**
 * Greedy CTC decoding (Graves et al., 2006): the likeliest class of each step, repeats collapsed,
 * blanks dropped. Class 0 is blank, then the dictionary's lines, then the space.
 */
import { MeshError } from '#contracts'
import { roundScore } from './text-boxes.ts'

export interface Recognised {
  readonly text: string
  /** Mean probability of the characters kept; 0 where there are none. */
  readonly score: number
}

/** The characters by class, from the lines of the dictionary file. */
export function ctcAlphabet(dictionary: Uint8Array): string[] {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(dictionary)
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  if (lines.at(-1) === '') lines.pop()
  return ['', ...lines, ' ']
}

/** One line of `steps` rows with one probability for each class. */
export function ctcDecode(
  rows: Float32Array,
  steps: number,
  alphabet: readonly string[]
): Recognised {
  const classes = alphabet.length
  if (rows.length !== steps * classes) {
    throw new MeshError('model.unsupported', { port: 'dictionary', classes, numbers: rows.length })
  }
  let text = ''
  let sum = 0
  let kept = 0
  let previous = 0
  for (let step = 0; step < steps; step++) {
    const row = step * classes
    let best = 0
    for (let index = 1; index < classes; index++) {
      if ((rows[row + index] ?? 0) > (rows[row + best] ?? 0)) best = index
    }
    if (best !== 0 && best !== previous) {
      text += alphabet[best] ?? ''
      sum += rows[row + best] ?? 0
      kept += 1
    }
    previous = best
  }
  return { text, score: kept === 0 ? 0 : roundScore(sum / kept) }
}
