/**
 * Replays a session that lies in a data folder: KORA's conductor over the ledger's history, and the
 * ledger's own fold from its first entry. Reads; the only thing written is the replayed state.
 */
import { join } from 'node:path'
import { MeshError, type MeshEvent, parseCid, type SessionId } from '#contracts'
import type { Ledger } from '#ledger'
import type { BlobStore } from '#mesh-node/store'
import { DiskResultCache } from '../cache/result-cache.ts'
import { runHandler } from '../handlers/index.ts'
import { ModelRegistry } from '../registry/model-registry.ts'
import { type ReplayReport, replaySession } from '../replay/replay.ts'
import { endsDifference, eventsOfFabric, unitEnds } from '../replay/unit-ends.ts'
import { SessionJudge } from '../verify/judge.ts'
import type { ReplayDocument } from './control-service.ts'
import { readEvents } from './event-log.ts'
import { loadSubmission } from './submission-store.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

export interface ReplayParts {
  readonly folder: string
  readonly ledger: Ledger
  readonly blobs: BlobStore
}

/** Throws `session.unknown`, `replay.not_recorded`, or `blob.not_found` where a part is gone. */
export async function replayFolder(
  session: SessionId,
  parts: ReplayParts
): Promise<ReplayDocument> {
  const { folder, ledger, blobs } = parts
  const summary = ledger.fold.session(session)
  const history = await ledger.history(session)
  if (summary === null || history === null) throw new MeshError('session.unknown', { session })
  const submitted = await loadSubmission(blobs, {
    graphCid: parseCid(summary.graphCid),
    inputsCid: parseCid(summary.inputsCid)
  })
  const report = await replaySession(
    { ...submitted, requestId: summary.requestId, history },
    {
      blobs,
      cache: await DiskResultCache.open(join(folder, 'cache'), { isReplay: true }),
      handle: (handler, args) => runHandler(handler, args),
      models: await ModelRegistry.open(join(folder, 'models')),
      judge: new SessionJudge(),
      clock: SYSTEM_CLOCK
    }
  )
  const digest = ledger.fold.digest()
  const again = await ledger.verify()
  const sameLedger = again.ok && again.digest === digest
  const telemetry = telemetryDifference(readEvents(folder, session), report)
  return {
    session,
    state_hash: report.stateHash,
    replay_hash: report.replayHash,
    ledger_digest: digest,
    replay_ledger_digest: again.digest,
    telemetry_equal: telemetry === null,
    equal: report.equal && sameLedger && telemetry === null,
    difference:
      report.difference ??
      (sameLedger ? telemetry : (again.faults[0]?.what ?? 'the ledger folds differently'))
  }
}

/** What the replay tells of units against what was told; see `ReplayReport.unitEnds`. */
function telemetryDifference(
  events: readonly MeshEvent[],
  { stopReason, unitEnds: replayed }: ReplayReport
): string | null {
  const recorded = unitEnds(stopReason === 'success' ? events : eventsOfFabric(events))
  return endsDifference(recorded, replayed)
}
