// The manager's pages: the painted week, a day changed, people asked, figures
// and forecast, in three languages, narrow and wide, with and without script.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { languages, launch, open, out, overflow, start, violations } from './lib.js'

let server, browser
before(async () => {
  [server, browser] = await Promise.all([start(process.env.DESK_BIN ?? join(out, 'desk'), []), launch()])
  assert.equal((await fetch(`${server.url}/test/past`)).status, 200)
})
after(async () => { await browser?.close(); server?.stop() })

const konak = path => `${server.url}/staff/izsu/centre/konak/${path}`
const figures = () => `${server.url}/staff/izsu/figures?from=2021-02-17&to=2021-03-17`

async function enter(more = {}) {
  const page = await open(browser, { width: 1280, ...more })
  await page.goto(`${server.url}/test/enter?as=manager`)
  return page
}

for (const lang of languages) {
  for (const [width, dark] of [[1280, false], [360, true]]) {
    test(`${lang} ${width}: every page reads well and fits`, async () => {
      const page = await enter({ lang, width, dark })
      for (const [name, url] of [['centre', konak('')], ['week', konak('week')], ['change', konak('change')], ['floor', konak('floor')],
        ['closures', konak('closures')], ['moves', konak('moves')], ['forecast', konak('forecast')], ['figures', figures()]]) {
        await page.goto(url)
        assert.deepEqual(await violations(page), [], name)
        assert.equal(await overflow(page), 0, `${name}: wider than its window`)
        await page.screenshot({ path: join(out, `manage-${name}-${lang}-${width}.png`), fullPage: true })
      }
      await page.context().close()
    })
  }
}

test('the week is painted by dragging, in both directions of reading', async () => {
  for (const lang of ['tr', 'ar']) {
    const page = await enter({ lang })
    await page.goto(konak('week'))
    await page.check('[data-brush] input[value="1"]')
    const cell = (day, at) => page.locator(`tr[data-day="${day}"] td[data-at="${at}"]`)
    const [a, b] = [await cell('d1', 9 * 60).boundingBox(), await cell('d2', 9 * 60 + 45).boundingBox()]
    await page.mouse.move(a.x + 5, a.y + 5)
    await page.mouse.down()
    await page.mouse.move(b.x + 5, b.y + 5, { steps: 8 })
    await page.mouse.up()
    for (const day of ['d1', 'd2']) {
      assert.match(await page.inputValue('#' + day), /^08:30-09:00 \d, 09:00-10:00 1, 10:00-12:30 \d, 13:30-17:00 \d$/, `${lang} ${day}`)
    }
    await page.fill('#d3', '10:00-11:00 2')
    assert.equal(await cell('d3', 10 * 60).textContent(), '2')
    assert.equal(await cell('d3', 9 * 60).textContent(), '')
    await page.context().close()
  }
})

for (const script of [true, false]) {
  test(`${script ? 'with' : 'without'} script: an absence is shown with whom it hits before it is saved`, async () => {
    const page = await enter({ script })
    await page.goto(konak('change'))
    await page.fill('#day_day', '17')
    await page.check('input[name=what][value=closed]')
    await page.fill('#from', script ? '10:00' : '10:15')
    await page.fill('#to', '10:45')
    await page.locator('form#change button.t-button').first().click()
    assert.match(await page.inputValue('#from'), /^10:/, 'nothing typed is lost')
    await page.fill('#why', 'su kesintisi')
    await page.locator('form#change button.t-button').first().click()
    await page.waitForSelector('form#check')
    if (script) assert.deepEqual(await violations(page), [])
    await page.screenshot({ path: join(out, 'manage-check.png'), fullPage: true })
    assert.ok(await page.locator('input[name=visit]').count() > 0, 'somebody is booked then')
    if (!script) {
      await page.locator('button[name=ask]').click()
      await page.waitForURL(/moves/)
      await page.screenshot({ path: join(out, 'manage-asked.png'), fullPage: true })
      // Their hour is less than an hour and a half away: too late to ask by text.
      assert.match(await page.locator('.t-notice').first().textContent(), /telefonla/)
    }
    await page.context().close()
  })
}
