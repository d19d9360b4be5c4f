/** The node's log: one JSON line per report, on stderr, with a level that operators can filter by. */
import { type Logger, pino } from 'pino'
import { assertNever } from '#contracts'
import type { AgentReport } from '../agent/ports.ts'

export const nodeLog = (level: string): Logger =>
  pino({ level, base: null }, pino.destination({ dest: 2, sync: true }))

export function logReport(log: Logger, report: AgentReport): void {
  switch (report.type) {
    case 'gateway':
      log.info({ gateway: report.gateway }, `gateway ${report.phase}`)
      return
    case 'frame-refused': {
      const { code, facts } = report.error
      log.warn({ gateway: report.gateway, code, facts }, 'frame refused')
      return
    }
    case 'model':
      if (report.ok) log.info({ model: report.model }, 'model conforms')
      else log.warn({ model: report.model, reason: report.reason }, 'model refused')
      return
    case 'run-failed':
      log.warn({ lease: report.lease, code: report.code, detail: report.detail }, 'run failed')
      return
    case 'ledger-refused': {
      const { code, facts } = report.error
      log.warn({ peer: report.peer, code, facts }, 'ledger entries refused')
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
    case 'leases-ended':
      return
    default:
      assertNever(report)
  }
}
