// The staff's doors, as people go through them: the first administrator by the
// printed link with a passkey (a virtual authenticator stands in for the
// device), a clerk by an invitation with a password and codes and no script, a
// kiosk by its eight digits; then every page in three languages.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { languages, launch, open, out, overflow, start, violations } from './lib.js'

let server, browser, admin, site
const dir = mkdtempSync(join(tmpdir(), 'turnike-staff-'))
before(async () => {
  [server, browser] = await Promise.all([
    start(process.env.TURNIKE_BIN ?? join(out, 'turnike'), ['serve', '--listen', '127.0.0.1:0', '--admin', '', '--data', join(dir, 'data')]),
    launch(),
  ])
  for (let i = 0; i < 100 && !server.said().includes('/invite/'); i++) await new Promise(r => setTimeout(r, 50))
  site = server.said().match(/http:\/\/localhost:\d+/)[0]
})
after(async () => { await browser?.close(); server?.stop(); rmSync(dir, { recursive: true, force: true }) })

const snap = (page, name) => page.screenshot({ path: join(out, name + '.png'), fullPage: true })

// device gives a page's browser something that makes passkeys, as a laptop with
// a fingerprint reader does.
async function device(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  return { cdp, authenticatorId }
}

// code is what an authenticator application shows (RFC 6238).
function code(secret, now = Date.now()) {
  const bits = [...secret.replace(/\s/g, '')].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)))
  const mac = createHmac('sha1', key).update(step).digest()
  const at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0')
}

const button = (page, text) => page.getByRole('button', { name: text }).first()

test('the first administrator comes in by the printed link, with a passkey', async () => {
  admin = await open(browser, { width: 1280 })
  const { cdp, authenticatorId } = await device(admin)
  await admin.goto(site + server.said().match(/\/invite\/\S+/)[0])
  await snap(admin, 'staff-invite')
  await button(admin, 'Geçiş anahtarı oluştur').click()
  assert.equal(await admin.locator('.t-error-summary li').count(), 2, 'name and user name are missing')
  await admin.fill('#name', 'Ayşe Kaya')
  await admin.fill('#login', 'ayse')
  await button(admin, 'Geçiş anahtarı oluştur').click()
  await button(admin, 'Geçiş anahtarını oluştur').click()
  await admin.waitForSelector('.t-codes')
  assert.equal(await admin.locator('.t-codes li').count(), 10)
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId })
  assert.equal(credentials.length, 1)
  assert.equal(credentials[0].isResidentCredential, true)
  assert.equal(credentials[0].rpId, 'localhost')

  await admin.goto(site + '/staff/')
  await button(admin, 'Çıkış yap').click()
  await admin.waitForURL(/sign-in/)
  await admin.goto(site + '/staff/account')
  await button(admin, 'Geçiş anahtarıyla giriş yap').click()
  await admin.waitForURL(site + '/staff/account')
  const after = await cdp.send('WebAuthn.getCredentials', { authenticatorId })
  assert.ok(after.credentials[0].signCount > credentials[0].signCount, 'the device signed again')

  // A proof again, with the same device.
  await admin.goto(site + '/staff/again?next=/staff/account')
  await button(admin, 'Geçiş anahtarıyla doğrula').click()
  await admin.waitForURL(site + '/staff/account')

  // Another passkey of the same device is refused by the device itself.
  await admin.fill('#machine', 'Gişe bilgisayarı')
  await button(admin, 'Geçiş anahtarı ekle').click()
  await button(admin, 'Geçiş anahtarını oluştur').click()
  await admin.waitForSelector('[data-passkey-failed]:not([hidden])')
})

test('a device that says no is told so, and the password is still there', async () => {
  const page = await open(browser, { width: 360 })
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: false, automaticPresenceSimulation: true } })
  await page.goto(site + '/staff/sign-in')
  assert.equal(await page.isVisible('[data-passkey-failed]'), false, 'an error before anything was tried')
  await button(page, 'Geçiş anahtarıyla giriş yap').click()
  await page.waitForSelector('[data-passkey-failed]', { state: 'visible' })
  assert.ok(await page.isVisible('#password'))
  await page.context().close()
})

test('a clerk is invited and comes in without script, by password and code', async () => {
  await admin.goto(site + '/staff/izsu/people')
  await admin.check('input[name=role][value=clerk]')
  await admin.locator('#invite summary').click()
  await admin.check('input[name=centre][value=konak]')
  await button(admin, 'Bağlantı oluştur').click()
  const link = await admin.locator('.t-copy').innerText()
  assert.match(link, /\/invite\/izsu\.\S{32}$/)

  const page = await open(browser, { width: 360, script: false })
  await page.goto(link)
  await page.fill('#name', 'Mehmet Demir')
  await page.fill('#login', 'mehmet')
  await page.fill('#password', 'kısa')
  await button(page, 'Parolayla devam et').click()
  assert.equal(await page.inputValue('#name'), 'Mehmet Demir')
  assert.equal(await page.inputValue('#password'), '')
  await page.fill('#password', 'mavi kedi üç kapı')
  await button(page, 'Parolayla devam et').click()
  await snap(page, 'staff-totp')
  assert.deepEqual(await overflow(page), 0)
  const secret = await page.locator('.t-copy').innerText()
  await page.fill('#code', code(secret))
  await button(page, 'Hesabı aç').click()
  await page.waitForSelector('.t-codes')
  await page.goto(site + '/staff/')
  assert.equal(await page.locator('a[href="/staff/izsu/queue/konak/"]').count() > 0, true)
  assert.equal(await page.locator('a[href*="people"]').count(), 0)
  assert.equal((await page.goto(site + '/staff/izsu/people')).status(), 404)
  assert.equal((await page.goto(site + '/staff/izsu/queue/bornova/')).status(), 404)
  await page.goto(site + '/staff/')
  await button(page, 'Çıkış yap').click()
  await page.fill('#login', 'mehmet')
  await page.fill('#password', 'mavi kedi üç kapı')
  await button(page, 'Giriş yap').click()
  await page.fill('#code', code(secret, Date.now() + 30_000)) // the first step's code has been used
  await button(page, 'Giriş yap').click()
  await page.waitForURL(site + '/staff/')

  // Closed by the administrator: out at the next click.
  await admin.goto(site + '/staff/izsu/people')
  await admin.getByRole('link', { name: 'Mehmet Demir' }).click()
  await button(admin, 'Hesabı kapat').click()
  await admin.waitForURL(site + '/staff/izsu/people')
  await page.goto(site + '/staff/account')
  assert.match(page.url(), /sign-in/)
  await page.context().close()
})

test('a kiosk is let in by eight digits and sent away at once', async () => {
  await admin.goto(site + '/staff/izsu/screens')
  await admin.selectOption('#centre', 'konak')
  await admin.check('input[name=kind][value=kiosk]')
  await admin.fill('#device', 'giriş kapısı')
  await button(admin, 'Kod oluştur').click()
  const digits = await admin.locator('.t-reference').innerText()
  assert.match(digits, /^\d{4} \d{4}$/)
  const kiosk = await open(browser, { width: 1080 })
  await kiosk.goto(site + '/screen/')
  await snap(kiosk, 'staff-enrol')
  await kiosk.fill('#code', digits)
  await button(kiosk, 'Tanıt').click()
  await kiosk.waitForURL(site + '/screen/izsu/konak/kiosk')
  await admin.goto(site + '/staff/izsu/screens')
  await button(admin, 'Kaldır').click()
  await admin.waitForURL(site + '/staff/izsu/screens')
  await kiosk.goto(site + '/screen/izsu/konak/kiosk')
  assert.equal(kiosk.url(), site + '/screen/')
  await kiosk.context().close()
})

const pages = ['/staff/', '/staff/izsu/', '/staff/izsu/people', '/staff/all/people', '/staff/izsu/screens', '/staff/izsu/keys', '/staff/izsu/hooks', '/staff/izsu/audit', '/staff/account', '/staff/again']

for (const lang of languages) {
  for (const [width, dark] of [[1280, false], [360, true]]) {
    test(`${lang} ${width}: every page reads well and fits`, async () => {
      const strange = await open(browser, { lang, width, dark })
      const look = async (page, name) => {
        assert.deepEqual(await violations(page), [], name)
        assert.equal(await overflow(page), 0, `${name}: wider than its window`)
        await snap(page, `${name}-${lang}-${width}`)
      }
      for (const path of ['/staff/sign-in', '/screen/', '/invite/izsu.none']) {
        await strange.goto(`${site}${path}?lang=${lang}`)
        await look(strange, 'staff' + path.replaceAll(/\W+/g, '-'))
      }
      await strange.goto(site + '/staff/sign-in')
      await strange.fill('#login', 'nobody')
      await strange.locator('#sign-in button.t-button').click()
      assert.equal(await strange.inputValue('#login'), 'nobody')
      await look(strange, 'staff-wrong')
      await strange.context().close()
      const page = await open(browser, { lang, width, dark, storageState: await admin.context().storageState() })
      for (const path of pages) {
        await page.goto(`${site}${path}?lang=${lang}`)
        await look(page, 'staff-page' + path.replaceAll(/\W+/g, '-'))
      }
      await page.context().close()
    })
  }
}

test('by keyboard alone: skip link, bar, form, error', async () => {
  const page = await open(browser, { width: 1280 })
  await page.goto(site + '/staff/sign-in')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.className), 't-skip-link')
  await page.focus('#login')
  await page.keyboard.type('ayse')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'password')
  await page.keyboard.type('wrong')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.t-error-summary')
  assert.match(await page.title(), /^Hata/)
  await page.context().close()
})
