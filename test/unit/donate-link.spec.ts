/** The donate link: what is written is read back, and nothing else is taken for one. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import fc from 'fast-check'
import {
  type DonateLink,
  type ErrorCode,
  isTabAddress,
  LINK_CHARS_MAX,
  LINK_PEER_CHARS_MAX,
  LINK_PEERS_MAX,
  MeshError,
  parseMeshId,
  readDonateFragment,
  readDonateLink,
  writeDonateLink
} from '#contracts'
import { withCode } from '../support/mesh-fixtures.ts'

const MESH = parseMeshId('4f'.repeat(32))
const PEER = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const HASH = 'uEiBVpyp2dvSOL--wEivTo0Jz1fNrOF6DKjKR2Endbf59Jw'
const SOCKET = `/ip4/127.0.0.1/tcp/8745/ws/p2p/${PEER}`
const DIRECT = `/ip4/192.168.1.7/udp/8745/webrtc-direct/certhash/${HASH}/p2p/${PEER}`
const PAGE = 'http://127.0.0.1:8744/'
const LINK: DonateLink = { mesh: MESH, peers: [DIRECT, SOCKET] }

describe('the donate link', () => {
  it('is written as people may read it, and read back', () => {
    const link = writeDonateLink(PAGE, LINK)
    equal(link, `${PAGE}#mesh=${MESH}&peer=${DIRECT}&peer=${SOCKET}`)
    deepEqual(readDonateLink(link), LINK)
    deepEqual(readDonateFragment(new URL(link).hash), LINK)
    deepEqual(readDonateFragment(new URL(link).hash.slice(1)), LINK)
  })

  it('keeps its meaning where a program encoded it', () => {
    const encoded = `${PAGE}#mesh=${MESH}&peer=${encodeURIComponent(DIRECT)}`
    deepEqual(readDonateLink(encoded), { mesh: MESH, peers: [DIRECT] })
  })

  it('may stand on any page, whatever its path, and replaces a fragment that is there', () => {
    const link = writeDonateLink('https://donate.example/x/?lang=de#old', LINK)
    equal(link.startsWith(`https://donate.example/x/?lang=de#mesh=${MESH}&`), true)
    deepEqual(readDonateLink(link), LINK)
  })

  it('names an address once', () => {
    deepEqual(readDonateFragment(`mesh=${MESH}&peer=${SOCKET}&peer=${SOCKET}`).peers, [SOCKET])
  })

  it('names IPv6 and names of hosts, and a peer behind a relay', () => {
    for (const address of [
      `/ip6/::1/tcp/8745/ws/p2p/${PEER}`,
      `/dns4/node.example/tcp/443/wss/p2p/${PEER}`,
      `${SOCKET}/p2p-circuit/webrtc/p2p/${PEER}`
    ]) {
      deepEqual(readDonateLink(writeDonateLink(PAGE, { mesh: MESH, peers: [address] })).peers, [
        address
      ])
      equal(isTabAddress(address), true)
    }
  })

  it('tells what a browser can dial from what it cannot', () => {
    equal(isTabAddress(DIRECT), true)
    equal(isTabAddress('/ip4/127.0.0.1/tcp/0/ws'), true)
    equal(isTabAddress(`/ip4/127.0.0.1/tcp/4001/p2p/${PEER}`), false)
    equal(isTabAddress(`/dns4/ws/tcp/4001/p2p/${PEER}`), false)
  })

  const HOSTILE: readonly (readonly [what: string, fragment: string, code: ErrorCode])[] = [
    ['nothing', '', 'link.missing'],
    ['a bare hash', '#', 'link.missing'],
    ['prose', '#hello', 'link.malformed'],
    ['no mesh', `#peer=${SOCKET}`, 'link.malformed'],
    ['no peer', `#mesh=${MESH}`, 'link.no_peer'],
    ['an empty mesh', `#mesh=&peer=${SOCKET}`, 'link.malformed'],
    ['half a mesh', `#mesh=${'4f'.repeat(31)}&peer=${SOCKET}`, 'link.malformed'],
    ['a mesh in capitals', `#mesh=${'4F'.repeat(32)}&peer=${SOCKET}`, 'link.malformed'],
    ['two meshes', `#mesh=${MESH}&mesh=${MESH}&peer=${SOCKET}`, 'link.malformed'],
    ['a key that is none', `#mesh=${MESH}&peer=${SOCKET}&token=1`, 'link.malformed'],
    ['a part without a value', `#mesh=${MESH}&peer=${SOCKET}&`, 'link.malformed'],
    ['an inherited key', `#mesh=${MESH}&__proto__=${SOCKET}`, 'link.malformed'],
    ['a broken escape', `#mesh=${MESH}&peer=%E0%A4%A`, 'link.malformed'],
    ['bytes that are no text', `#mesh=${MESH}&peer=%FF`, 'link.malformed'],
    ['a script', `#mesh=${MESH}&peer=javascript:alert(1)`, 'link.malformed'],
    ['markup', `#mesh=${MESH}&peer=/dns4/<img>/tcp/1/ws/p2p/${PEER}`, 'link.malformed'],
    ['a space', `#mesh=${MESH}&peer=/dns4/a b/tcp/1/ws/p2p/${PEER}`, 'link.malformed'],
    ['a hidden line', `#mesh=${MESH}&peer=${SOCKET}%0A`, 'link.malformed'],
    ['a web address for a peer', `#mesh=${MESH}&peer=http://127.0.0.1/`, 'link.malformed'],
    ['an address of nobody', `#mesh=${MESH}&peer=/ip4/127.0.0.1/tcp/1/ws`, 'link.malformed'],
    ['a peer id that is none', `#mesh=${MESH}&peer=/ip4/1.1.1.1/tcp/1/ws/p2p/me`, 'link.malformed'],
    [
      'a long address',
      `#mesh=${MESH}&peer=/dns4/${'a'.repeat(LINK_PEER_CHARS_MAX)}/tcp/1/ws/p2p/${PEER}`,
      'link.too_large'
    ],
    [
      'too many addresses',
      `#mesh=${MESH}${'&peer=/dns/a/ws/p2p/'.concat(PEER).repeat(LINK_PEERS_MAX + 1)}`,
      'link.too_large'
    ],
    ['a book', `#mesh=${MESH}&peer=${'/a'.repeat(LINK_CHARS_MAX)}`, 'link.too_large']
  ]
  for (const [what, fragment, code] of HOSTILE) {
    it(`refuses ${what}`, () => {
      throws(() => readDonateFragment(fragment), withCode(code))
      throws(() => readDonateLink(`${PAGE}${fragment}`), withCode(code))
    })
  }

  it('refuses a page that is not one', () => {
    for (const page of ['', 'here', 'javascript:alert(1)', 'file:///etc/passwd', '//x']) {
      throws(() => writeDonateLink(page, LINK), withCode('link.malformed'))
      throws(
        () => readDonateLink(`${page}#mesh=${MESH}&peer=${SOCKET}`),
        withCode('link.malformed')
      )
    }
  })

  it('does not write what it would not read', () => {
    for (const peers of [[], ['/ip4/127.0.0.1/tcp/1'], [`${SOCKET}&peer=x`]]) {
      throws(() => writeDonateLink(PAGE, { mesh: MESH, peers }), MeshError)
    }
  })

  it('answers any text with a link or a typed error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 200 }),
          fc
            .array(fc.constantFrom('mesh=', 'peer=', MESH, SOCKET, '&', '#', '%', '/p2p/', '='), {
              maxLength: 12
            })
            .map((parts) => parts.join(''))
        ),
        (text) => {
          try {
            const { mesh, peers } = readDonateFragment(text)
            deepEqual(readDonateLink(writeDonateLink(PAGE, { mesh, peers })), { mesh, peers })
          } catch (error) {
            if (!(error instanceof MeshError) || !error.code.startsWith('link.')) throw error
          }
        }
      )
    )
  })
})
