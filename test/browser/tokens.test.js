// The list as other people's software reads it: the token status list of a
// running installation, taken apart by two npm implementations of the draft.
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { StatusList } from '@owf/token-status-list'
import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import { decode, Decoder, encode } from 'cbor-x'
import { out, start } from './lib.js'

const free = () => new Promise((resolve, reject) => {
  const s = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = s.address()
    s.close(() => resolve('127.0.0.1:' + port))
  })
})

const cards = 1_200_000 // that Gaziantep issued
const [VALID, APPLICATION] = [0, 3]
let demo, address, dir, bearer
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'turnike-tokens-'))
  const [site, outside, guide] = [await free(), await free(), await free()]
  demo = await start(process.env.TURNIKE_BIN ?? join(out, 'turnike'),
    ['demo', '--listen', site, '--outside', outside, '--guide', guide, '--dir', dir, '--at', '2021-01-13T09:00'])
  const secret = readFileSync(join(dir, 'keys', 'list', 'gaziantep', 'list.secret'))
  bearer = createHmac('sha256', secret).update('turnike token list 1').digest('hex')
  address = `http://${site}/lists/gaziantep`
  for (let i = 0; ; i++) {
    if (await fetch(address + '/head').then(a => a.ok, () => false)) break
    assert.ok(i < 300, demo.said())
    await new Promise(r => setTimeout(r, 100))
  }
})
after(() => { demo?.stop(); rmSync(dir, { recursive: true, force: true }) })

// listKey reads the key the city's root names, by FORMAT.md.
async function listKey() {
  const root = Buffer.from(await fetch(address + '/root-1').then(a => a.arrayBuffer()))
  let at = 5
  at += 1 + root[at] // the city
  at += 2 // version, threshold
  at += 1 + 32 * root[at] + 1 // root keys, how many list keys
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: root.subarray(at, at + 32).toString('base64url') } })
}

async function get(accept, authorization = 'Bearer ' + bearer) {
  const answer = await fetch(address + '/token-status-list', { headers: { accept, authorization } })
  return { status: answer.status, type: answer.headers.get('content-type'), body: Buffer.from(await answer.arrayBuffer()) }
}

test('as JWT', async () => {
  const { status, type, body } = await get('application/statuslist+jwt')
  assert.equal(status, 200)
  assert.equal(type, 'application/statuslist+jwt')
  const jwt = body.toString()
  const [header, payload, signature] = jwt.split('.')
  assert.equal(JSON.parse(Buffer.from(header, 'base64url')).typ, 'statuslist+jwt')
  assert.ok(verify(null, Buffer.from(header + '.' + payload), await listKey(), Buffer.from(signature, 'base64url')), 'signed by the key the root names')
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  assert.ok(claims.exp > claims.iat && claims.ttl > 0, JSON.stringify({ ...claims, status_list: undefined }))
  const list = getListFromStatusListJWT(jwt)
  assert.equal(list.getBitsPerStatus(), 2)
  for (let i = 0; i < cards; i += 7919) assert.ok([VALID, APPLICATION].includes(list.getStatus(i)), `card ${i}: got ${list.getStatus(i)}`)
  assert.equal(list.getStatus(cards - 1), APPLICATION, 'a card nobody paired')
})

test('as CWT, and the same list', async () => {
  const { status, type, body } = await get('application/statuslist+cwt')
  assert.equal(status, 200)
  assert.equal(type, 'application/statuslist+cwt')
  assert.equal(body[0], 0xd2, 'a COSE_Sign1')
  const [protectedHeader, , payload, signature] = decode(body.subarray(1))
  const header = decode(protectedHeader)
  assert.equal(header.get?.(16) ?? header[16], 'application/statuslist+cwt', 'the type is under the signature')
  const signed = encode(['Signature1', protectedHeader, Buffer.alloc(0), payload])
  assert.ok(verify(null, signed, await listKey(), signature), 'signed by the key the root names')
  // The library's own fromToken insists on an aggregation_uri, which the draft
  // leaves out where there is none: its lists are asked underneath that.
  const claims = new Decoder({ mapsAsObjects: false }).decode(payload)
  const [subject, expires, issued, ttl, told] = [2, 4, 6, 65534, 65533].map(k => claims.get(k))
  assert.ok(expires > issued && ttl > 0)
  const statusList = StatusList.decompressStatusListFromBytes(told.get('lst'), told.get('bits'))
  assert.match(subject, /\/lists\/gaziantep\/token-status-list$/)
  const jwt = getListFromStatusListJWT((await get('application/statuslist+jwt')).body.toString())
  assert.equal(statusList.getBitsPerStatus(), 2)
  for (let i = 0; i < cards; i += 101) assert.equal(statusList.getStatus(i), jwt.getStatus(i), `card ${i}`)
})

test('whoever does not hold the city\'s word reads nothing', async () => {
  for (const word of ['', 'Bearer ', 'Bearer ' + '0'.repeat(64)]) {
    const { status, body } = await get('application/statuslist+jwt', word)
    assert.equal(status, 401)
    assert.ok(body.length < 100, body.toString())
  }
})
