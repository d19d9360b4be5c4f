/**
 * The certificate of WebRTC-Direct on disk: self-signed, of a key of its own, made on the first start
 * and never written over. Who a peer is, Noise proves within; this certificate only has to stay the
 * same, for its hash is part of the address that donate links carry.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TransportCertificate } from '@libp2p/webrtc'
import { z } from 'zod'
import { MeshError, sha256 } from '#contracts'

/** Browsers put no bound on it where they are told its hash; a link lives as long as its mesh. */
const VALID_YEARS = 30
/** SHA-256 as a multihash, and base64url as a multibase. */
const SHA256_HEAD = [0x12, 32]
const BASE64URL = 'u'

const Kept = z.strictObject({ privateKey: z.string(), pem: z.string(), certhash: z.string() })

/** The certificate in the file, made first where there is none. Throws `identity.unusable`. */
export async function openCertificate(path: string): Promise<TransportCertificate> {
  const known = readIfThere(path)
  if (known !== null) return known
  const made = await makeCertificate()
  const part = `${path}.${process.pid}.part`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(part, JSON.stringify(made), { mode: 0o600, flush: true })
    linkSync(part, path)
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw unusable(path, cause)
  } finally {
    rmSync(part, { force: true })
  }
  return readIfThere(path) ?? made
}

function readIfThere(path: string): TransportCertificate | null {
  try {
    return Kept.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null
    throw unusable(path, cause)
  }
}

/** P-256, for Chromium takes no other curve. */
async function makeCertificate(): Promise<TransportCertificate> {
  await import('reflect-metadata')
  const { X509CertificateGenerator } = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const notBefore = new Date()
  const notAfter = new Date(notBefore)
  notAfter.setUTCFullYear(notBefore.getUTCFullYear() + VALID_YEARS)
  for (const date of [notBefore, notAfter]) date.setUTCMilliseconds(0)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { name: 'CN=kora', notBefore, notAfter, keys, signingAlgorithm: algorithm },
    crypto
  )
  const digest = sha256(new Uint8Array(certificate.rawData))
  const exported = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    privateKey: pemOf('PRIVATE KEY', new Uint8Array(exported)),
    pem: certificate.toString('pem'),
    certhash: `${BASE64URL}${Buffer.from([...SHA256_HEAD, ...digest]).toString('base64url')}`
  }
}

function pemOf(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join('\n')
}

function unusable(path: string, cause: unknown): MeshError {
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
  return new MeshError('identity.unusable', { path, reason }, { cause })
}

const isErrno = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code
