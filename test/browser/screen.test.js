// The kiosk at the door and the display over the counters, in the demo's
// centre: a number is taken, called at a counter, shown and spoken; the display
// outlives the network, the kiosk forgets.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { city, languages, launch, open, out, overflow, violations } from './lib.js'

let demo, browser, site, outside, guide
before(async () => {
  demo = await city()
  ;({ site, outside, guide } = demo)
  browser = await launch(['--autoplay-policy=no-user-gesture-required'])
})
after(async () => { await browser?.close(); demo?.stop() })

// enter opens a part of the centre in a browser of its own.
const enter = async (part, options) => {
  const page = await open(browser, options)
  await page.goto(`http://${guide}/enter/${part}`)
  return page
}

test('a number is taken at the door, called at a counter, shown and spoken', async () => {
  const display = await enter('display', { width: 1280 })
  await display.waitForSelector('[data-call]', { timeout: 60_000 }) // the centre's morning has begun
  const kiosk = await enter('kiosk', { width: 768 })
  await kiosk.click('.t-choices a >> nth=1')
  await kiosk.click('button[value=closing]')
  await kiosk.waitForURL('**/kiosk/number/*')
  const number = kiosk.url().match(/\d+$/)[0]
  assert.equal((await kiosk.textContent('.t-big')).trim(), number)

  const clerk = await enter('clerk', { width: 1280 })
  await clerk.check('input[name=desk][value="3"]')
  await clerk.click('#desk-form button.t-button')
  // Called out of turn, so that it is this one.
  await clerk.click(`#do-call-${number}`)
  await display.waitForSelector(`tr.t-now[data-call^="${number}-"]`, { timeout: 15_000 })
  // One after another: somebody else may be called meanwhile.
  await display.waitForFunction(() => /^numara [\d ]+ vezne 3$/.test(document.body.getAttribute('data-spoken')), null, { timeout: 30_000 })
  await Promise.all([display, kiosk, clerk].map(p => p.context().close()))
})

test('the display outlives the network and says since when', async () => {
  const page = await enter('display', { width: 1280 })
  const before = await page.textContent('.t-calls')
  await page.context().setOffline(true)
  await page.waitForSelector('#lost:not([hidden])', { timeout: 20_000 })
  assert.match(await page.textContent('#lost'), /\d\d:\d\d/)
  assert.equal(await page.textContent('.t-calls'), before, 'what was shown is still shown')
  await page.context().setOffline(false)
  await page.waitForSelector('#lost', { state: 'hidden', timeout: 20_000 })
  await page.context().close()
})

test('keys type at once, what nobody has is said beside the field, and the page forgets', async () => {
  const page = await enter('kiosk', { width: 768 })
  await page.click('.t-choices a >> nth=0')
  for (const k of '99998888') await page.click(`[data-key="${k}"]`)
  await page.click('[data-key=back]')
  assert.equal(await page.inputValue('#typed'), '9999888')
  await page.click('[data-key="8"]')
  await page.click('.t-go')
  await page.waitForSelector('#wrong')
  assert.equal(await page.inputValue('#typed'), '99998888')
  await page.click('.t-again')
  await page.click('.t-choices a >> nth=0')
  assert.equal(await page.inputValue('#typed'), '')
  await page.context().close()
})

test('without script the keys are buttons and the display reloads', async () => {
  const page = await enter('kiosk', { width: 768, script: false })
  await page.click('.t-choices a >> nth=0')
  for (const k of '053') await page.click(`[data-key="${k}"]`)
  assert.equal(await page.inputValue('#typed'), '053')
  await page.context().close()
})

for (const lang of languages) test(`screens are whole in ${lang}`, async () => {
  for (const [part, width, paths] of [['kiosk', 360, ['', '/visit', '/walk', '/number/1']], ['kiosk', 1080, ['', '/visit', '/walk', '/number/1']], ['display', 1280, ['']]]) {
    const page = await enter(part, { width, lang })
    for (const path of paths) {
      await page.goto(`http://${site}/screen/izsu/konak/${part}${path}?lang=${lang}`)
      assert.deepEqual(await violations(page), [], `${part}${path} ${width}`)
      assert.equal(await overflow(page), 0, `${part}${path} at ${width} is wider than its window`)
      await page.screenshot({ path: join(out, `screen-${part}${path.replaceAll('/', '-')}-${lang}-${width}.png`) })
    }
    await page.context().close()
  }
})
