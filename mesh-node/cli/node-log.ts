/** The node's log: one JSON line per report, on stderr, with a level that operators can filter by. */
import { type Logger, pino } from 'pino'
import { assertNever } from '#contracts'
import { systemClock } from '../agent/clock-driver.ts'
import type { AgentReport } from '../agent/ports.ts'
import { RefusalLog } from '../net/refusal-log.ts'

export const nodeLog = (level: string): Logger =>
  pino({ level, base: null }, pino.destination({ dest: 2, sync: true }))

/** Logs reports one by one; what strangers can cause without end is bounded. */
export function reportLog(log: Logger): (report: AgentReport) => void {
  const refusalsOf = (text: string): RefusalLog =>
    new RefusalLog({
      nowMs: () => systemClock.nowMs(),
      say: (peer, refused) => log.warn({ peer, ...refused }, text),
      sayMore: (count) => log.warn({ count }, `${text}, more within a minute`)
    })
  const refusals = {
    frames: refusalsOf('frame refused'),
    ledger: refusalsOf('ledger entries refused')
  }
  return (report) => logReport(log, refusals, report)
}

interface Refusals {
  readonly frames: RefusalLog
  readonly ledger: RefusalLog
}

function logReport(log: Logger, { frames, ledger }: Refusals, report: AgentReport): void {
  switch (report.type) {
    case 'gateway':
      log.info({ gateway: report.gateway }, `gateway ${report.phase}`)
      return
    case 'frame-refused':
      frames.add(report.gateway, report.error)
      return
    case 'model':
      if (report.ok) log.info({ model: report.model }, 'model conforms')
      else log.warn({ model: report.model, reason: report.reason }, 'model refused')
      return
    case 'run-failed':
      log.warn({ lease: report.lease, code: report.code, detail: report.detail }, 'run failed')
      return
    case 'ledger-refused':
      ledger.add(report.peer, report.error)
      return
    case 'forked': {
      const { code, facts, hint } = report.fork
      if (code === 'ledger.conflict') log.warn({ code, ...facts }, 'an author said two things')
      else log.error({ code, ...facts, hint }, 'the control node said two things')
      return
    }
    case 'record-failed':
      log.error({ err: report.error }, 'the own log was not written')
      return
    case 'event': {
      const { type, work_unit_id: unit, attempt } = report.event
      log.debug({ event: type, unit, attempt }, 'event')
      return
    }
    // of each unit: for those who show them one by one
    case 'offered':
    case 'ran':
    case 'judged':
    case 'leases-ended':
      return
    default:
      assertNever(report)
  }
}
