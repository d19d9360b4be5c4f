/** The real fidelity: the product's own drivers on the real stack, under virtual time. */
export { DEFAULT_REAL_OPTIONS, type RealOptions } from './options.ts'
export type { RealProgress, RealReport } from './report.ts'
export { type RealPorts, runReal } from './run-driver.ts'
