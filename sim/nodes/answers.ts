/** The answers of the simulated model: everybody here can tell the right one from a wrong one. */
import { type Cid, cidOfBytes, type UnitId } from '#contracts'

const utf8 = new TextEncoder()
export const named = (text: string): Cid => cidOfBytes(utf8.encode(text))

export const MODEL = named('the simulated model')

export const rightAnswer = (unit: UnitId): Cid => named(`right ${unit}`)
/** What all colluders say, the worst that they can do. */
export const wrongAnswer = (unit: UnitId): Cid => named(`wrong ${unit}`)
