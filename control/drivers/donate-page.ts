/**
 * The donate page of a control node: its files, the server that hands them out, and the link that
 * leads there. Opens nothing else of the control node to anybody.
 */
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  isTabAddress,
  LINK_PEERS_MAX,
  MeshError,
  noticeOf,
  type SignedGenesis,
  type Signer,
  signNotice,
  writeDonateLink
} from '#contracts'
import type { ModelRegistry } from '../registry/model-registry.ts'
import { PageFiles } from './page-files.ts'
import { modelBlobsOf, startPageServer } from './page-server.ts'

export interface DonatePageOptions {
  readonly host: string
  readonly port: number
  /** PEM files; null: plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  /** Where the world finds the page, where that is not where it listens: behind a proxy. */
  readonly publicUrl: string | null
  /** What the mesh is for, in its operator's words; empty: nothing is said. */
  readonly purpose: string
}

export interface DonatePagePorts {
  readonly genesis: SignedGenesis
  /** The sequencer's: no other key may speak for the mesh. */
  readonly signer: Signer
  readonly models: ModelRegistry
  readonly addresses: () => readonly string[]
}

export interface DonatePage {
  readonly url: string
  /** Null where no tab could reach this node: it listens on TCP alone. */
  readonly donateUrl: string | null
  /** Whether browsers give a page at this address WebGPU, keys and storage. */
  readonly isSecure: boolean
  close(): Promise<void>
}

/** Bundles the page where that was not done yet, and serves it. Throws `page.*` and `net.*`. */
export async function openDonatePage(
  options: DonatePageOptions,
  { genesis, signer, models, addresses }: DonatePagePorts
): Promise<DonatePage> {
  const { bundlePage, pageHeaders } = await import('#browser-node/build')
  const { dir } = await bundled(bundlePage)
  const tls = readTls(options.tls)
  const server = await startPageServer(
    { host: options.host, port: options.port, tls },
    {
      files: await PageFiles.read(dir),
      headers: pageHeaders,
      genesis,
      notice: noticeNow(options.purpose, { genesis, signer, models }),
      modelBlob: modelBlobsOf(
        () => models.list(),
        async (path) => (await stat(path)).size
      )
    }
  )
  const url = options.publicUrl ?? urlOf(options, server.port)
  const peers = linkPeers(addresses(), options.host)
  return {
    url,
    donateUrl: peers.length === 0 ? null : writeDonateLink(url, { mesh: genesis.id, peers }),
    isSecure: isSecureUrl(url),
    close: () => server.close()
  }
}

/** The notice of the models that there are, signed anew only where they are others than before. */
function noticeNow(
  purpose: string,
  { genesis, signer, models }: Pick<DonatePagePorts, 'genesis' | 'signer' | 'models'>
): () => Uint8Array {
  let signed: { readonly models: string; readonly bytes: Uint8Array } | null = null
  return () => {
    const list = models.list()
    const names = list.map(({ cid }) => cid).join()
    if (signed?.models !== names) {
      const notice = noticeOf(purpose, list)
      signed = { models: names, bytes: signNotice(notice, { mesh: genesis.id, signer }) }
    }
    return signed.bytes
  }
}

/** Any failure of the bundler, which is not ours, in our words. */
async function bundled(bundlePage: () => Promise<{ dir: string }>): Promise<{ dir: string }> {
  try {
    return await bundlePage()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 300) : String(cause)
    throw new MeshError('page.unavailable', { reason }, { cause })
  }
}

function readTls(tls: DonatePageOptions['tls']): { cert: Uint8Array; key: Uint8Array } | null {
  if (tls === null) return null
  try {
    return { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('page.certificate_unusable', { reason }, { cause })
  }
}

/** An address that others can type: that of the network where it listens on every one. */
function urlOf({ host, tls }: DonatePageOptions, port: number): string {
  const name = isAnyHost(host) ? (networkHost() ?? 'localhost') : host
  return `${tls === null ? 'http' : 'https'}://${isIPv6(name) ? `[${name}]` : name}:${port}/`
}

function networkHost(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((one) => one ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? null
}

/** Addresses that the tabs of this page can dial: loopback only where the page is on loopback. */
function linkPeers(addresses: readonly string[], host: string): readonly string[] {
  const dialable = addresses.filter(isTabAddress)
  const others = dialable.filter((address) => !/^\/ip[46]\/(?:127\.|::1\/)/.test(address))
  const wanted = isLoopbackHost(host) || others.length === 0 ? dialable : others
  return wanted.slice(0, LINK_PEERS_MAX)
}

const isAnyHost = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** Whether only this machine reaches a server on this host. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

function isSecureUrl(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))
}
