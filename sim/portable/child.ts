/** A process of any version of Node that runs some seeds and writes their hashes as one line of JSON. */
import { shippedMatrix } from '../network/shipped-matrices.ts'
import { seedHashes } from './seed-hashes.ts'

const [from = 1, seeds = 1] = process.argv.slice(2).map(Number)
process.stdout.write(JSON.stringify(await seedHashes({ from, seeds }, shippedMatrix)))
