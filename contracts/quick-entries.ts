/**
 * Quick answers for the bodies of the three kinds of ledger entry that grow with the units: leases
 * reserved, results accepted, results attested. Other kinds, and whatever is unusual, are zod's.
 */
import { isLeaseIdText, isPeerIdText, isSurelyReceipt, isUnitIdText } from './attestation.ts'
import { isCid } from './cid.ts'
import { isSessionId } from './ids.ts'
import { MESSAGE_ITEMS_MAX, NAME_CHARS_MAX } from './limits.ts'
import { VERDICTS } from './messages/ack.ts'
import { isFields, isListOf, isOneOf, isText, isUint } from './quick.ts'

export function isSurelyBody(kind: string, body: unknown): boolean {
  switch (kind) {
    case 'units.reserved':
      return isItems(body, isReserved)
    case 'units.accepted':
      return isItems(body, isAccepted)
    case 'results.attested':
      return isAttested(body)
    default:
      return false
  }
}

const isItems = (body: unknown, isItem: (item: unknown) => boolean): boolean =>
  isFields(body, 2) &&
  typeof body['session'] === 'string' &&
  isSessionId(body['session']) &&
  isSome(body['items'], isItem)

const isSome = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  isListOf(value, MESSAGE_ITEMS_MAX, isItem) && value.length > 0

const isReserved = (item: unknown): boolean =>
  isFields(item, 8) &&
  isUnitIdText(item['unit']) &&
  isUint(item['attempt']) &&
  isLeaseIdText(item['lease']) &&
  isPeerIdText(item['node']) &&
  (item['model'] === null || (typeof item['model'] === 'string' && isCid(item['model']))) &&
  isUint(item['input_bytes']) &&
  isUint(item['max_micro']) &&
  isUint(item['expires_at_ms'])

const isAccepted = (item: unknown): boolean =>
  isFields(item, 5) &&
  isUnitIdText(item['unit']) &&
  isUint(item['attempt']) &&
  isLeaseIdText(item['lease']) &&
  typeof item['canonical'] === 'boolean' &&
  isSurelyReceipt(item['receipt'])

const isAttested = (body: unknown): boolean =>
  isFields(body, 3) &&
  isPeerIdText(body['gateway']) &&
  isListOf(body['receipts'], MESSAGE_ITEMS_MAX, isSurelyReceipt) &&
  isSome(body['verdicts'], isVerdict)

const isVerdict = (item: unknown): boolean =>
  isFields(item, 4) &&
  isLeaseIdText(item['lease_id']) &&
  isOneOf(item['verdict'], VERDICTS) &&
  isText(item['reason'], NAME_CHARS_MAX) &&
  isUint(item['earned_micro'])
