// turnike demo in a browser, from the page that says what to try to a gate that
// opens: nothing is played here but the citizen.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { city, launch, open, out, overflow, violations } from './lib.js'

let demo, browser, site, outside, guide
before(async () => {
  demo = await city()
  ;({ site, outside, guide } = demo)
  browser = await launch()
})
after(async () => { await browser?.close(); demo?.stop() })

const who = { first_name: 'Ayşe', last_name: 'Işık', id: '10000000146', birth_day: '27', birth_month: '3', birth_year: '1980', email: 'ayse@ornek.example', card: '3400000000000017', phone: '0532 777 66 55' }

test('a stranger pairs a card and the gate opens', async () => {
  const page = await open(browser, { width: 1280 })
  const made = await fetch(`http://${outside}/hes/make`, {
    method: 'POST', headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ number: who.id, first: who.first_name, last: who.last_name, kind: '' }),
  }).then(a => a.json())
  assert.ok(made.hes_code, JSON.stringify(made))

  await page.goto(`http://${site}/istanbul/pair`)
  for (const [name, value] of Object.entries({ ...who, hes: made.hes_code })) await page.fill(`[id="${name}"]`, value)
  for (const box of await page.locator('input[id^=box_]').all()) await box.check()
  await page.click('main form button.t-button')
  await page.waitForURL('**/istanbul/code')

  let text = ''
  for (let i = 0; i < 100 && !text; i++) {
    const got = await fetch(`http://${outside}/inbox.json?to=${encodeURIComponent('905327776655')}`).then(a => a.json())
    text = JSON.stringify(got).match(/\b\d{6}\b/)?.[0] ?? ''
    if (!text) await new Promise(r => setTimeout(r, 100))
  }
  assert.ok(text, 'the code arrives in the inbox')
  await page.fill('#code', text)
  await page.click('main form button.t-button')
  await page.waitForURL('**/istanbul/done')

  // On the day of the deadline the paired card opens the gate, another does not.
  let words = []
  for (let i = 0; i < 60; i++) {
    await page.goto(`http://${guide}/`)
    words = []
    for (const card of [who.card, '3400000000000999']) {
      const answer = await page.request.post(`http://${guide}/tap`, { form: { city: 'istanbul', card } })
      words.push((await answer.text()).match(/class="t-notice (t-good|t-bad|t-warn)"/)?.[1])
    }
    if (i === 0) await page.request.post(`http://${guide}/clock`, { form: { city: 'istanbul', to: '2021-01-15T09:00' } })
    if (words[0] === 't-good' && words[1] === 't-bad') break
    await new Promise(r => setTimeout(r, 1000))
  }
  assert.deepEqual(words, ['t-good', 't-bad'])
  await page.context().close()
})

for (const lang of ['tr', 'en', 'ar']) {
  test(`${lang}: the demo's own pages are sound`, async () => {
    for (const width of [360, 1280]) {
      const page = await open(browser, { lang, width })
      for (const url of [`http://${guide}/`, `http://${outside}/inbox`, `http://${outside}/hes/make`, `http://${outside}/hes/codes`, `http://${outside}/faults`]) {
        await page.goto(url)
        await page.screenshot({ path: join(out, `demo${new URL(url).pathname.replaceAll('/', '-')}-${lang}-${width}.png`), fullPage: true })
        // The inbox is a tester's tool and lives by reloading itself.
        const found = (await violations(page)).filter(v => !(url.endsWith('/inbox') && v.startsWith('meta-refresh')))
        assert.deepEqual(found, [], url)
        assert.equal(await overflow(page), 0, `${url} at ${width} is wider than its window`)
      }
      await page.context().close()
    }
  })
}
