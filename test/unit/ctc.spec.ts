/** Greedy CTC: repeats collapse, blanks part them, the space comes after the dictionary. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { ctcAlphabet, ctcDecode } from '../../mesh-node/exec/runners/ctc.ts'
import { code } from '../support/expect-code.ts'

const ALPHABET = ctcAlphabet(new TextEncoder().encode('a\nb\r\n字\n'))

/** One row for each class named, with this probability. */
function rows(classes: readonly number[], probability = 0.9): Float32Array {
  const numbers = new Float32Array(classes.length * ALPHABET.length)
  classes.forEach((best, step) => {
    numbers[step * ALPHABET.length + best] = probability
  })
  return numbers
}

const decode = (classes: readonly number[]): string =>
  ctcDecode(rows(classes), classes.length, ALPHABET).text

describe('CTC decoding', () => {
  it('puts blank first and the space last', () => {
    deepEqual(ALPHABET, ['', 'a', 'b', '字', ' '])
  })

  it('collapses repeats and keeps those that a blank parts', () => {
    equal(decode([1, 1, 1]), 'a')
    equal(decode([1, 0, 1]), 'aa')
    equal(decode([0, 1, 1, 0, 2, 2, 4, 3, 0]), 'ab 字')
  })

  it('gives no text and no confidence on blanks alone', () => {
    deepEqual(ctcDecode(rows([0, 0]), 2, ALPHABET), { text: '', score: 0 })
    deepEqual(ctcDecode(new Float32Array(0), 0, ALPHABET), { text: '', score: 0 })
  })

  it('scores by the mean of the characters kept, to four digits', () => {
    equal(ctcDecode(rows([1, 0, 2], 0.87654), 3, ALPHABET).score, 0.8765)
  })

  it('takes the first of equals', () => {
    equal(ctcDecode(new Float32Array(ALPHABET.length).fill(0.2), 1, ALPHABET).text, '')
  })

  it('refuses a dictionary that does not fit the model', () => {
    throws(() => ctcDecode(new Float32Array(7), 1, ALPHABET), code('model.unsupported'))
  })
})
