/**
 * What takes long and shows once more what a shorter test shows: `npm test` runs one of each kind,
 * `npm run test:long` runs all.
 */
export const isLong = process.env['KORA_LONG'] === '1'

/** A test that `npm run test:long` alone runs; elsewhere it is counted as pending. */
export const inLong = isLong ? it : it.skip

/** All in a long run, the first few in every run. */
export function fewer<T>(all: readonly T[], count: number): readonly T[] {
  return isLong ? all : all.slice(0, count)
}
