/** Invariant 9: credits sum to zero after every batch, posted and pending alike, and none go missing. */
import type { AccountBalance } from '#ledger'
import type { Fault } from './run-record.ts'

export function zeroSumFaults(accounts: readonly AccountBalance[]): Fault[] {
  const faults: Fault[] = []
  const sum = { balance: 0, pending: 0 }
  for (const one of accounts) {
    const { account, balance, creditsPosted, debitsPosted, creditsPending, debitsPending } = one
    sum.balance += balance
    sum.pending += creditsPending - debitsPending
    if (balance !== creditsPosted - debitsPosted)
      faults.push(`${account}: balance is not its moves`)
    const amounts = [creditsPosted, debitsPosted, creditsPending, debitsPending]
    if (!amounts.every((micro) => Number.isSafeInteger(micro) && micro >= 0))
      faults.push(`${account}: an amount that is no count of micro-credits`)
    if (account.startsWith('tenant:') && balance - debitsPending < 0)
      faults.push(`${account}: below zero`)
  }
  if (sum.balance !== 0) faults.push(`posted credits sum to ${sum.balance}`)
  if (sum.pending !== 0) faults.push(`pending credits sum to ${sum.pending}`)
  return faults
}
