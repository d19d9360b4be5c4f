/** How many links of clients a control node keeps, and whose link gives way. */
import { deepEqual, equal } from 'node:assert/strict'
import { CONTROL_LINKS_MAX, type MeshError, type PeerId, sealControlFrame } from '#contracts'
import type { Link, MeshNetwork } from '#mesh-node'
import { nodeSigner, nodeVerifier } from '#mesh-node'
import type { DiskBlobStore } from '#mesh-node/store'
import { ControlLinks } from '../../control/drivers/control-links.ts'
import type { SessionService } from '../../control/drivers/control-service.ts'
import { MESH, seed } from '../support/mesh-fixtures.ts'

const here = nodeSigner(seed(1))
const client = nodeSigner(seed(2))
const nobody = (): never => {
  throw new Error('not asked here')
}

/** A link that hears what the test says on it. */
class SaidLink implements Pick<Link, 'peer'> {
  readonly kind = 'control' as const
  readonly peer: PeerId
  isClosed = false
  #onFrame: (raw: Uint8Array) => void = () => {}
  #onClose: (fault: MeshError | null) => void = () => {}

  constructor(peer: PeerId) {
    this.peer = peer
  }

  send = (): boolean => true
  drained = async (): Promise<void> => {}
  onFrame(listener: (raw: Uint8Array) => void): void {
    this.#onFrame = listener
  }
  onClose(listener: (fault: MeshError | null) => void): void {
    this.#onClose = listener
  }
  async close(): Promise<void> {
    this.isClosed = true
    this.#onClose(null)
  }

  ask(): void {
    const want = { t: 'explain', unit: 'u' } as const
    const body = { v: 1, id: 1, control: here.peerId, via: this.peer, want } as const
    this.#onFrame(sealControlFrame({ kind: 'ask', body }, { mesh: MESH, signer: client }))
  }
}

function linksOf() {
  let accept: (link: Link) => void = nobody
  const refused: string[] = []
  const links = new ControlLinks({
    network: {
      peerId: here.peerId,
      onLink: (_: string, listener: (link: Link) => void) => {
        accept = listener
      }
    } as unknown as MeshNetwork,
    mesh: MESH,
    signer: here,
    verifier: nodeVerifier,
    blobs: {} as unknown as DiskBlobStore,
    serviceOf: () => ({ explain: () => new Promise(() => {}) }) as unknown as SessionService,
    onRefused: (_, { code }) => refused.push(code),
    fatal: (error) => {
      throw error
    }
  })
  links.start()
  const peer = (number: number): PeerId =>
    nodeSigner(
      new Uint8Array(32)
        .fill(3)
        .fill(number & 255, 0, 1)
        .fill(number >> 8, 1, 2)
    ).peerId
  const open = (number: number): SaidLink => {
    const link = new SaidLink(peer(number))
    accept(link)
    return link
  }
  return { open, refused }
}

describe('the links of clients', () => {
  it('that nobody known has spoken on give way, the oldest first; those of clients stay', () => {
    const { open, refused } = linksOf()
    const known = open(0)
    known.ask()
    const strangers = Array.from({ length: CONTROL_LINKS_MAX + 9 }, (_, index) => open(index + 1))
    equal(known.isClosed, false)
    deepEqual(
      strangers.map(({ isClosed }) => isClosed),
      strangers.map((_, index) => index < 10)
    )
    deepEqual(new Set(refused), new Set(['control.busy']))
  })

  it('are refused when there are as many clients as it serves', () => {
    const { open } = linksOf()
    for (let count = 0; count < CONTROL_LINKS_MAX; count++) open(count).ask()
    equal(open(CONTROL_LINKS_MAX).isClosed, true)
  })
})
