/**
 * A control node as one tenant may use it: the tenant's own sessions and nothing else. What belongs to
 * others is unknown here rather than forbidden, so that nobody learns of it by asking.
 */
import { CONTROL_SESSIONS_PER_TENANT_MAX, MeshError, type SessionId, TaskGraph } from '#contracts'
import { readGraph } from '../graph/read-graph.ts'
import type { SessionProgress } from '../session/progress.ts'
import type { ControlNode } from './control-node.ts'
import type {
  BillDocument,
  ExplainDocument,
  ReplayDocument,
  SessionDocument,
  SessionService,
  StatusDocument,
  Submission
} from './control-service.ts'

/** What a graph says that says nothing of its tenant. */
const TENANT_UNSAID = TaskGraph.shape.tenant_id.parse(undefined)

export class TenantService implements SessionService {
  readonly #node: ControlNode
  readonly #tenant: string

  constructor(node: ControlNode, tenant: string) {
    this.#node = node
    this.#tenant = tenant
  }

  /** The graph is this tenant's; one that names another is refused. */
  async submit(submission: Submission): Promise<SessionId> {
    const graph = readGraph(submission.graph)
    const tenant = this.#tenant
    if (graph.tenant_id !== tenant && graph.tenant_id !== TENANT_UNSAID)
      throw new MeshError('admission.tenant_mismatch', { tenant, named: graph.tenant_id })
    const running = this.#node.runningOf(tenant)
    if (running >= CONTROL_SESSIONS_PER_TENANT_MAX)
      throw new MeshError('admission.too_many_sessions', { tenant, running })
    return this.#node.submitGraph({ ...graph, tenant_id: tenant }, submission)
  }

  follow(session: SessionId, signal?: AbortSignal): AsyncIterable<SessionProgress> {
    return this.#node.follow(this.#own(session), signal)
  }

  async result(session: SessionId): Promise<SessionDocument> {
    return this.#node.result(this.#own(session))
  }

  async cancel(session: SessionId): Promise<void> {
    await this.#node.cancel(this.#own(session))
  }

  status(): Promise<StatusDocument> {
    return this.#node.status(this.#isMine)
  }

  explain(unit: string): Promise<ExplainDocument> {
    return this.#node.explain(unit, this.#isMine)
  }

  async replay(session: SessionId): Promise<ReplayDocument> {
    return this.#node.replay(this.#own(session))
  }

  /** Of all sessions at once is the operator's question. */
  async bill(session: SessionId | null): Promise<BillDocument> {
    if (session === null) throw new MeshError('session.unknown', { session: 'all' })
    return this.#node.bill(this.#own(session))
  }

  readonly #isMine = (session: SessionId): boolean => this.#node.tenantOf(session) === this.#tenant

  #own(session: SessionId): SessionId {
    if (!this.#isMine(session)) throw new MeshError('session.unknown', { session })
    return session
  }
}
